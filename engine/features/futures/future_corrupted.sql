-- Every row unknown at the cutoff is given to another user, another time (before the cutoff too:
-- a late arrival) and other contents; what known rows learnt later is learnt otherwise. Profile
-- fields without a history may hold anything. All chance is a hash of the row's key and the salt:
-- draws maps such a hash to a user, as a plain equality that joins in one pass.
CREATE TEMP TABLE users AS
SELECT * REPLACE (
    CASE WHEN signed_up_at >= CAST($cutoff AS TIMESTAMP)
        THEN CAST($cutoff AS TIMESTAMP) + to_days(CAST(hash(user_id || $salt) % 200 AS INTEGER))
        ELSE signed_up_at END AS signed_up_at,
    'city ' || (hash(user_id || 'c' || $salt) % 9) AS city,
    'channel ' || (hash(user_id || 'h' || $salt) % 9) AS channel,
    hash(user_id || 'm' || $salt) % 2 = 0 AS marketing_consent,
    hash(user_id || 'p' || $salt) % 2 = 0 AS personalisation_allowed
)
FROM loaded.users;
CREATE TEMP TABLE draws AS
SELECT draw, user_id
FROM (
    SELECT range AS draw, range % (SELECT count(*) FROM loaded.users) AS place FROM range(65536)
) AS numbers
INNER JOIN (
    SELECT user_id, row_number() OVER (ORDER BY hash(user_id || $salt), user_id) - 1 AS place
    FROM loaded.users
) AS shuffled USING (place);
CREATE TEMP TABLE events AS
SELECT * FROM loaded.events
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND occurred_at < CAST($cutoff AS TIMESTAMP)
UNION ALL
SELECT future.* REPLACE (
    draws.user_id AS user_id,
    CAST($cutoff AS TIMESTAMP)
        + to_hours(CAST(hash(future.event_id || 'o' || $salt) % 4800 AS BIGINT) - 2400) AS occurred_at,
    CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(future.event_id || 'k' || $salt) % 9000000000 AS BIGINT)) AS known_at,
    CASE WHEN hash(future.event_id || 'n' || $salt) % 2 = 0
        THEN 'corrupted ' || (hash(future.event_id || $salt) % 5) ELSE future.kind END AS kind,
    'corrupted ' || (hash(future.event_id || 'c' || $salt) % 7) AS content_id,
    hash(future.event_id || 'd' || $salt) % 100000 / 3.0 AS duration_s
)
FROM loaded.events AS future
INNER JOIN draws ON draws.draw = hash(future.event_id || 'u' || $salt) % 65536
WHERE future.known_at >= CAST($cutoff AS TIMESTAMP) OR future.occurred_at >= CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE payments AS
SELECT * FROM loaded.payments
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND occurred_at < CAST($cutoff AS TIMESTAMP)
UNION ALL
SELECT future.* REPLACE (
    draws.user_id AS user_id,
    CAST($cutoff AS TIMESTAMP)
        + to_hours(CAST(hash(future.payment_id || 'o' || $salt) % 4800 AS BIGINT) - 2400) AS occurred_at,
    CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(future.payment_id || 'k' || $salt) % 9000000000 AS BIGINT)) AS known_at,
    hash(future.payment_id || 'a' || $salt) % 100000 / 7.0 AS amount,
    CASE hash(future.payment_id || 's' || $salt) % 3
        WHEN 0 THEN 'succeeded' WHEN 1 THEN 'failed' ELSE 'refunded' END AS status,
    'corrupted ' || (hash(future.payment_id || $salt) % 5) AS product
)
FROM loaded.payments AS future
INNER JOIN draws ON draws.draw = hash(future.payment_id || 'u' || $salt) % 65536
WHERE future.known_at >= CAST($cutoff AS TIMESTAMP) OR future.occurred_at >= CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE subscriptions AS
SELECT * REPLACE (
    CASE WHEN cancelled_at < CAST($cutoff AS TIMESTAMP) THEN cancelled_at
        WHEN (cancelled_at IS NOT NULL OR auto_renew) AND hash(subscription_id || 'x' || $salt) % 2 = 0
        THEN CAST($cutoff AS TIMESTAMP) + to_days(CAST(hash(subscription_id || $salt) % 90 AS INTEGER))
    END AS cancelled_at,
    CASE WHEN cancelled_at < CAST($cutoff AS TIMESTAMP) THEN auto_renew
        WHEN (cancelled_at IS NOT NULL OR auto_renew) AND hash(subscription_id || 'x' || $salt) % 2 = 0
        THEN hash(subscription_id || 'r' || $salt) % 2 = 0
        WHEN cancelled_at IS NOT NULL THEN TRUE
        ELSE auto_renew END AS auto_renew,
    CASE WHEN paused_at < CAST($cutoff AS TIMESTAMP) THEN paused_at
        WHEN hash(subscription_id || 'b' || $salt) % 3 = 0
        THEN CAST($cutoff AS TIMESTAMP) + to_days(CAST(hash(subscription_id || 'z' || $salt) % 90 AS INTEGER))
    END AS paused_at,
    CASE WHEN paused_at < CAST($cutoff AS TIMESTAMP) AND resumes_at < CAST($cutoff AS TIMESTAMP)
        THEN resumes_at
        WHEN hash(subscription_id || 'w' || $salt) % 2 = 0
        THEN CAST($cutoff AS TIMESTAMP) + to_days(CAST(hash(subscription_id || 'v' || $salt) % 90 AS INTEGER))
    END AS resumes_at
)
FROM loaded.subscriptions
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND started_at < CAST($cutoff AS TIMESTAMP)
UNION ALL
SELECT future.* REPLACE (
    draws.user_id AS user_id,
    'corrupted ' || (hash(future.subscription_id || $salt) % 5) AS plan,
    CAST($cutoff AS TIMESTAMP)
        + to_hours(CAST(hash(future.subscription_id || 'o' || $salt) % 4800 AS BIGINT) - 2400) AS started_at,
    CAST($cutoff AS TIMESTAMP)
        + to_hours(CAST(hash(future.subscription_id || 'e' || $salt) % 4800 AS BIGINT) + 2400) AS ends_at,
    CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(future.subscription_id || 'k' || $salt) % 9000000000 AS BIGINT))
        AS known_at,
    hash(future.subscription_id || 'p' || $salt) % 100000 / 7.0 AS price,
    hash(future.subscription_id || 't' || $salt) % 2 = 0 AS trial
)
FROM loaded.subscriptions AS future
INNER JOIN draws ON draws.draw = hash(future.subscription_id || 'u' || $salt) % 65536
WHERE future.known_at >= CAST($cutoff AS TIMESTAMP) OR future.started_at >= CAST($cutoff AS TIMESTAMP);
CREATE TEMP TABLE contents AS
SELECT * REPLACE (
    CASE WHEN published_at >= CAST($cutoff AS TIMESTAMP)
        THEN 'corrupted ' || (hash(content_id || $salt) % 5) ELSE topic END AS topic,
    CASE WHEN published_at >= CAST($cutoff AS TIMESTAMP)
        THEN CAST($cutoff AS TIMESTAMP) + to_days(CAST(hash(content_id || 'd' || $salt) % 90 AS INTEGER))
        ELSE published_at END AS published_at
)
FROM loaded.contents;
CREATE TEMP TABLE messages AS
SELECT * REPLACE (
    CASE WHEN resolved_at < CAST($cutoff AS TIMESTAMP) THEN resolved_at
        WHEN hash(message_id || 'r' || $salt) % 2 = 0
        THEN CAST($cutoff AS TIMESTAMP) + to_days(CAST(hash(message_id || $salt) % 90 AS INTEGER))
    END AS resolved_at
)
FROM loaded.messages
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND occurred_at < CAST($cutoff AS TIMESTAMP)
UNION ALL
SELECT future.* REPLACE (
    draws.user_id AS user_id,
    CAST($cutoff AS TIMESTAMP)
        + to_hours(CAST(hash(future.message_id || 'o' || $salt) % 4800 AS BIGINT) - 2400) AS occurred_at,
    CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(future.message_id || 'k' || $salt) % 9000000000 AS BIGINT)) AS known_at,
    hash(future.message_id || 'a' || $salt) % 6 AS rating,
    'ticket' AS channel
)
FROM loaded.messages AS future
INNER JOIN draws ON draws.draw = hash(future.message_id || 'u' || $salt) % 65536
WHERE future.known_at >= CAST($cutoff AS TIMESTAMP) OR future.occurred_at >= CAST($cutoff AS TIMESTAMP);
