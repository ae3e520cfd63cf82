-- One row per user and day with a succeeded payment: several lines of one order count once.
-- gap_days = days since the previous such day.
SELECT
    user_id, day, amount_u,
    lag(day) OVER (PARTITION BY user_id ORDER BY day DESC) - day AS gap_days
FROM (
    SELECT
        user_id,
        CAST(floor(CAST(age_s - 1 AS DOUBLE) / CAST(86400 AS DOUBLE)) AS INTEGER) AS day,
        CAST(sum(amount_u) AS BIGINT) AS amount_u
    FROM known_payments
    WHERE status = 'succeeded'
    GROUP BY 1, 2
) AS days_paid
