-- One row per user and day with an event in the last 180 days. day = whole days before the cutoff
-- (0: the last one); gap_days = days since the previous active day; silent_days = whole days since
-- the last active day, the same in every row of a user; run: the same for days in a row; week_day:
-- 1 = Monday (UTC).
SELECT
    user_id, day, lag(day) OVER days - day AS gap_days,
    min(day) OVER (PARTITION BY user_id) AS silent_days,
    day + row_number() OVER days AS run,
    ({week_day} + 180 - day) % 7 + 1 AS week_day
FROM (
    SELECT user_id, day FROM event_days UNION ALL SELECT user_id, day FROM older_days
) AS days_seen
WINDOW days AS (PARTITION BY user_id ORDER BY day DESC)
