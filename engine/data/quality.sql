-- One row of figures about what is loaded. $currency: the business's own; $as_of: end of the data;
-- $rule_table: the table that the churn rule reads.
WITH facts AS (
    SELECT 'events' AS source, user_id, occurred_at AS happened_at, known_at FROM events
    UNION ALL SELECT 'payments', user_id, occurred_at, known_at FROM payments
    UNION ALL SELECT 'messages', user_id, occurred_at, known_at FROM messages
),
days AS (
    SELECT DISTINCT CAST(happened_at AS DATE) AS day FROM facts WHERE source = $rule_table
    UNION SELECT DISTINCT CAST(started_at AS DATE) FROM subscriptions
    WHERE $rule_table = 'subscriptions' AND started_at < $as_of
),
gaps AS (
    SELECT day, date_diff('day', lag(day) OVER (ORDER BY day), day) - 1 AS empty_before FROM days
),
span AS (
    SELECT min(day) AS first_day, max(day) AS last_day, max(empty_before) AS longest_gap FROM gaps
),
addresses AS (
    SELECT lower(email) AS address, count(*) AS users FROM users
    WHERE email IS NOT NULL GROUP BY lower(email)
)
SELECT
    (SELECT count(*) FROM users) AS users,
    (SELECT count(*) FROM facts) AS facts,
    (SELECT coalesce(longest_gap, 0) FROM span) AS longest_gap_days,
    (SELECT coalesce(date_diff('day', last_day, CAST($as_of AS DATE)) - 1, 0) FROM span)
        AS silent_at_end_days,
    (SELECT coalesce(date_diff('day', first_day, CAST($as_of AS DATE)), 0) FROM span)
        AS history_days,
    (SELECT count(*) FROM facts WHERE known_at > happened_at + INTERVAL 1 DAY) AS late,
    (SELECT count(*) FROM users
     WHERE user_id NOT IN (SELECT user_id FROM facts)
       AND user_id NOT IN (SELECT user_id FROM subscriptions)) AS users_without_facts,
    (SELECT count(*) FROM users WHERE email IS NULL) AS without_email,
    (SELECT count(*) FROM users WHERE marketing_consent IS NULL) AS without_consent,
    (SELECT coalesce(sum(users), 0) FROM addresses WHERE users > 1) AS sharing_email,
    (SELECT count(*) FROM users WHERE signed_up_at IS NULL) AS without_sign_up,
    (SELECT count(*) FROM payments WHERE currency <> $currency) AS other_currency
