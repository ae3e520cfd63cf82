-- One row per user and unbroken run of active days, as far as it lies in the last 90 days.
SELECT user_id, count(*) AS length_days
FROM active_days
WHERE day < 90
GROUP BY user_id, run
