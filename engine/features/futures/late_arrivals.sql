-- Facts of the past that nobody had heard of: copies of known rows, under keys of their own, which
-- are first seen after the cutoff. With $in_time they are seen when the originals were: the control,
-- which must show.
CREATE TEMP TABLE events AS
SELECT * FROM loaded.events
UNION ALL
SELECT * REPLACE (
    event_id || ' again' AS event_id,
    CASE WHEN $in_time THEN known_at ELSE CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(event_id || 'k' || $salt) % 9000000000 AS BIGINT)) END AS known_at
)
FROM loaded.events
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND hash(event_id || $salt) % 3 = 0;
CREATE TEMP TABLE payments AS
SELECT * FROM loaded.payments
UNION ALL
SELECT * REPLACE (
    payment_id || ' again' AS payment_id,
    CASE WHEN $in_time THEN known_at ELSE CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(payment_id || 'k' || $salt) % 9000000000 AS BIGINT)) END AS known_at
)
FROM loaded.payments
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND hash(payment_id || $salt) % 3 = 0;
CREATE TEMP TABLE subscriptions AS
SELECT * FROM loaded.subscriptions
UNION ALL
SELECT * REPLACE (
    subscription_id || ' again' AS subscription_id,
    CASE WHEN $in_time THEN known_at ELSE CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(subscription_id || 'k' || $salt) % 9000000000 AS BIGINT))
    END AS known_at
)
FROM loaded.subscriptions
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND hash(subscription_id || $salt) % 3 = 0;
CREATE TEMP TABLE messages AS
SELECT * FROM loaded.messages
UNION ALL
SELECT * REPLACE (
    message_id || ' again' AS message_id,
    CASE WHEN $in_time THEN known_at ELSE CAST($cutoff AS TIMESTAMP)
        + to_microseconds(CAST(hash(message_id || 'k' || $salt) % 9000000000 AS BIGINT)) END AS known_at
)
FROM loaded.messages
WHERE known_at < CAST($cutoff AS TIMESTAMP) AND hash(message_id || $salt) % 3 = 0;
