-- The membership that runs at the cutoff reaches the end of the window.
SELECT DISTINCT user_id
FROM (
{memberships}
) AS memberships
WHERE begun_at < CAST($cutoff AS TIMESTAMP)
    AND over_at >= CAST($window_stop AS TIMESTAMP)
