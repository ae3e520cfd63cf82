-- Facts that were known more than a day after they happened, by whole hours of delay.
WITH late AS (
    SELECT date_diff('hour', occurred_at, known_at) AS hours FROM events
    WHERE known_at > occurred_at + INTERVAL 1 DAY
    UNION ALL SELECT date_diff('hour', occurred_at, known_at) FROM payments
    WHERE known_at > occurred_at + INTERVAL 1 DAY
    UNION ALL SELECT date_diff('hour', occurred_at, known_at) FROM messages
    WHERE known_at > occurred_at + INTERVAL 1 DAY
    UNION ALL SELECT date_diff('hour', started_at, known_at) FROM subscriptions
    WHERE known_at > started_at + INTERVAL 1 DAY
)
SELECT hours, count(*) FROM late GROUP BY hours ORDER BY hours
