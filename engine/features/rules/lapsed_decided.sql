-- When the rule was decided: the end of the last membership that was begun by the cutoff, unless it
-- reaches the end of the window.
SELECT user_id, max(over_at) AS event_at
FROM (
{memberships}
) AS memberships
WHERE begun_at < CAST($cutoff AS TIMESTAMP)
GROUP BY user_id
HAVING max(over_at) < CAST($window_stop AS TIMESTAMP)
