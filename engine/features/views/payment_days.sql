-- One row per user and day with a succeeded payment: several lines of one order count once.
-- lines = payments of the day; gap_days = days since the previous such day; silent_days = whole
-- days since the last one; newest = 1: the last one. One order of the days serves all three.
SELECT
    user_id, day, amount_u, lines, lead(day) OVER days - day AS gap_days,
    min(day) OVER (PARTITION BY user_id) AS silent_days, row_number() OVER days AS newest
FROM (
    SELECT
        user_id,
        CAST(floor(CAST(age_s - 1 AS DOUBLE) / CAST(86400 AS DOUBLE)) AS INTEGER) AS day,
        CAST(sum(amount_u) AS BIGINT) AS amount_u, count(*) AS lines
    FROM known_payments
    WHERE status = 'succeeded'
    GROUP BY 1, 2
) AS days_paid
WINDOW days AS (PARTITION BY user_id ORDER BY day ASC)
