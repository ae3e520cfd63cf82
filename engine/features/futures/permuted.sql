-- The same data under other names of users, which puts them into another order, and with every
-- table's rows in another order.
CREATE TEMP TABLE users AS
SELECT * REPLACE (md5(user_id || $salt) AS user_id)
FROM loaded.users
ORDER BY hash(user_id || 'r' || $salt);
CREATE TEMP TABLE events AS
SELECT * REPLACE (md5(user_id || $salt) AS user_id)
FROM loaded.events
ORDER BY hash(event_id || $salt);
CREATE TEMP TABLE payments AS
SELECT * REPLACE (md5(user_id || $salt) AS user_id)
FROM loaded.payments
ORDER BY hash(payment_id || $salt);
CREATE TEMP TABLE subscriptions AS
SELECT * REPLACE (md5(user_id || $salt) AS user_id)
FROM loaded.subscriptions
ORDER BY hash(subscription_id || $salt);
CREATE TEMP TABLE messages AS
SELECT * REPLACE (md5(user_id || $salt) AS user_id)
FROM loaded.messages
ORDER BY hash(message_id || $salt);
CREATE TEMP TABLE outcomes AS
SELECT * REPLACE (md5(user_id || $salt) AS user_id)
FROM loaded.outcomes
ORDER BY hash(user_id || 'r' || $salt);
CREATE TEMP TABLE contents AS
SELECT * FROM loaded.contents ORDER BY hash(content_id || $salt);
