-- Days of one user in $step with events that last, and those of them that hold over 24 hours.
WITH days AS (
    SELECT sum(duration_s) AS seconds FROM events
    WHERE duration_s > 0 AND hash(user_id) % CAST($step AS UBIGINT) = 0
    GROUP BY user_id, CAST(occurred_at AS DATE)
)
SELECT count(*), count(*) FILTER (seconds > 86400) FROM days
