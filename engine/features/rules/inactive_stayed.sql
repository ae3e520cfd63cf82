-- Did something in the window or the grace after it, or is on pause.
SELECT user_id
FROM events
WHERE occurred_at >= CAST($window_start AS TIMESTAMP)
    AND occurred_at < CAST($stayed_before AS TIMESTAMP)
    AND known_at < CAST($told_before AS TIMESTAMP)
    AND {kinds}
UNION
{on_pause}
