-- When a term's payment was given back: a refund that names the subscription, or its plan while the
-- term runs.
SELECT paid.subscription_id, min(back.occurred_at) AS refunded_at
FROM subscriptions AS paid
INNER JOIN payments AS back ON back.user_id = paid.user_id
WHERE back.status = 'refunded'
    AND back.known_at < {moment}
    AND back.occurred_at >= paid.started_at
    AND (
        back.product = paid.subscription_id
        OR (back.product = paid.plan AND (paid.ends_at IS NULL OR back.occurred_at < paid.ends_at))
    )
GROUP BY paid.subscription_id
