-- The newest facts of one user, from every table that has a time.
SELECT occurred_at, kind, title, amount FROM (
    SELECT e.occurred_at, e.kind AS kind, coalesce(c.title, e.content_id, '') AS title,
           NULL AS amount, e.event_id AS tie
    FROM events e LEFT JOIN contents c USING (content_id)
    WHERE e.user_id = $user_id
    UNION ALL
    SELECT occurred_at, 'payment:' || status, coalesce(product, ''), amount, payment_id
    FROM payments WHERE user_id = $user_id
    UNION ALL
    SELECT occurred_at, 'message:' || channel, coalesce(text, ''), NULL, message_id
    FROM messages WHERE user_id = $user_id
    UNION ALL
    SELECT started_at, 'subscription:started', coalesce(plan, ''), price, subscription_id
    FROM subscriptions WHERE user_id = $user_id
    UNION ALL
    SELECT cancelled_at, 'subscription:cancelled', coalesce(plan, ''), NULL, subscription_id
    FROM subscriptions WHERE user_id = $user_id AND cancelled_at IS NOT NULL
)
ORDER BY occurred_at DESC, kind, tie
LIMIT $entries
