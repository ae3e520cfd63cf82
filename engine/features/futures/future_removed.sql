-- Only what was known: later rows are gone, and what known rows learnt later is unlearnt.
CREATE TEMP TABLE users AS
SELECT * FROM loaded.users WHERE signed_up_at IS NULL OR signed_up_at < CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE events AS
SELECT * FROM loaded.events
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND occurred_at < CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE payments AS
SELECT * FROM loaded.payments
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND occurred_at < CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE subscriptions AS
SELECT * REPLACE (
    CASE WHEN cancelled_at < CAST($cutoff AS TIMESTAMP) THEN cancelled_at END AS cancelled_at,
    CASE WHEN cancelled_at >= CAST($cutoff AS TIMESTAMP) THEN TRUE ELSE auto_renew END AS auto_renew,
    CASE WHEN paused_at < CAST($cutoff AS TIMESTAMP) THEN paused_at END AS paused_at,
    CASE WHEN paused_at < CAST($cutoff AS TIMESTAMP) AND resumes_at < CAST($cutoff AS TIMESTAMP)
        THEN resumes_at END AS resumes_at
)
FROM loaded.subscriptions
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND started_at < CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE contents AS
SELECT * FROM loaded.contents WHERE published_at IS NULL OR published_at < CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE messages AS
SELECT * REPLACE (
    CASE WHEN resolved_at < CAST($cutoff AS TIMESTAMP) THEN resolved_at END AS resolved_at,
    CASE WHEN resolved_at < CAST($cutoff AS TIMESTAMP) THEN status ELSE 'open' END AS status
)
FROM loaded.messages
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND occurred_at < CAST($cutoff AS TIMESTAMP);
