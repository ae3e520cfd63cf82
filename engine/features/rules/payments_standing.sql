-- Payments that count, within the bounds, and were not given back there: a refund undoes the newest
-- payment of the same amount before it. Payments climb one step, refunds go one down; a payment is
-- undone when a later step lies below its own. At the same instant payments come first.
SELECT user_id, occurred_at
FROM (
    SELECT
        user_id, occurred_at, status, step,
        min(step) OVER (
            PARTITION BY user_id, amount_u ORDER BY occurred_at, step_at_once, payment_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS lowest_later
    FROM (
        SELECT
            user_id, payment_id, occurred_at, status, amount_u, step_at_once,
            sum(CASE status WHEN 'succeeded' THEN 1 WHEN 'refunded' THEN -1 ELSE 0 END) OVER (
                PARTITION BY user_id, amount_u ORDER BY occurred_at, step_at_once, payment_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS step
        FROM (
            SELECT
                user_id, payment_id, occurred_at, status,
                CASE WHEN status = 'refunded' THEN 1 ELSE 0 END AS step_at_once,
                CAST(round(least(greatest(amount, 0), 1000000000000) * 10000) AS BIGINT) AS amount_u
            FROM payments
            WHERE (status = 'refunded' OR list_contains(CAST($statuses AS VARCHAR[]), status))
                AND {bounds}
        ) AS amounts
    ) AS steps
) AS undone
WHERE status <> 'refunded'
    AND (status <> 'succeeded' OR lowest_later IS NULL OR lowest_later >= step)
