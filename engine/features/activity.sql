-- Everything that a user did or met with, as one stream. A row counts as known when it has been
-- seen and has happened: a term booked ahead starts when it starts.
SELECT
    user_id, row_id, occurred_at, greatest(known_at, occurred_at) AS known_at, kind, amount,
    content_id
FROM (
    SELECT
        user_id, event_id AS row_id, occurred_at, known_at, kind,
        coalesce(duration_s, value, 0) AS amount, content_id
    FROM events
    UNION ALL
    SELECT
        user_id, payment_id, occurred_at, known_at, 'payment:' || status, amount, product
    FROM payments
    UNION ALL
    SELECT user_id, message_id, occurred_at, known_at, 'message:' || channel, 0, NULL
    FROM messages
    UNION ALL
    SELECT user_id, subscription_id, started_at, known_at, 'subscription:started', 0, NULL
    FROM subscriptions
    UNION ALL
    SELECT user_id, subscription_id, cancelled_at, known_at, 'subscription:cancelled', 0, NULL
    FROM subscriptions
    WHERE cancelled_at IS NOT NULL
) AS every_row
WHERE known_at < CAST($until AS TIMESTAMP) AND occurred_at < CAST($until AS TIMESTAMP)
