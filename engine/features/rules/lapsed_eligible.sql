-- A term is running at the cutoff (begun, known, not over), and its payment was not given back.
SELECT user_id
FROM users
WHERE (signed_up_at IS NULL OR signed_up_at < CAST($cutoff AS TIMESTAMP))
    AND user_id IN (
        SELECT term.user_id
        FROM subscriptions AS term
        WHERE term.started_at < CAST($cutoff AS TIMESTAMP)
            AND term.known_at < CAST($cutoff AS TIMESTAMP)
            AND (term.ends_at IS NULL OR term.ends_at > CAST($cutoff AS TIMESTAMP))
            AND NOT EXISTS (
                SELECT 1
                FROM payments AS refund
                WHERE refund.user_id = term.user_id
                    AND refund.status = 'refunded'
                    AND (refund.product = term.plan OR refund.product = term.subscription_id)
                    AND refund.occurred_at >= term.started_at
                    AND refund.known_at < CAST($cutoff AS TIMESTAMP)
            )
    )
