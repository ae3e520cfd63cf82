-- Paid in [active_since, cutoff), by rows known before the cutoff.
SELECT user_id
FROM users
WHERE (signed_up_at IS NULL OR signed_up_at < CAST($cutoff AS TIMESTAMP))
    AND user_id IN (
        SELECT user_id
        FROM payments
        WHERE status = 'succeeded'
            AND occurred_at >= CAST($active_since AS TIMESTAMP)
            AND occurred_at < CAST($cutoff AS TIMESTAMP)
            AND known_at < CAST($cutoff AS TIMESTAMP)
    )
