-- When the rule was decided: the first payment in the window or the grace after it. Who is on
-- pause when the window ends has stayed by then.
SELECT user_id, min(event_at) AS event_at
FROM (
    SELECT user_id, occurred_at AS event_at
    FROM (
{payments_later}
    ) AS paid
    UNION ALL
    SELECT user_id, CAST($window_stop AS TIMESTAMP) AS event_at
    FROM (
{on_pause}
    ) AS paused
) AS signs
GROUP BY user_id
