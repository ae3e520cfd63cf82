-- Users on pause at the end of the window: neither active nor gone.
SELECT user_id
FROM (
{terms}
) AS terms
WHERE {counted}
    AND started_at < CAST($window_stop AS TIMESTAMP)
    AND paused_from < CAST($window_stop AS TIMESTAMP)
    AND paused_until >= CAST($window_stop AS TIMESTAMP)
    AND stops_at >= CAST($window_stop AS TIMESTAMP)
