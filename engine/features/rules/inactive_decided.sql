-- When the rule was decided: the first activity in the window or the grace after it. Who is on
-- pause when the window ends has stayed by then.
SELECT user_id, min(event_at) AS event_at
FROM (
    SELECT user_id, occurred_at AS event_at
    FROM events
    WHERE occurred_at >= CAST($window_start AS TIMESTAMP)
        AND occurred_at < CAST($stayed_before AS TIMESTAMP)
        AND known_at < CAST($told_before AS TIMESTAMP)
        AND {kinds}
    UNION ALL
    SELECT user_id, CAST($window_stop AS TIMESTAMP) AS event_at
    FROM (
{on_pause}
    ) AS paused
) AS signs
GROUP BY user_id
