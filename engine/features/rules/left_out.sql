-- Users whose running subscriptions are all of a kind that the rule leaves out.
SELECT user_id
FROM (
{terms}
) AS terms
WHERE started_at < CAST($cutoff AS TIMESTAMP) AND stops_at > CAST($cutoff AS TIMESTAMP)
GROUP BY user_id
HAVING max(CASE WHEN {counted} AND {unpaused} THEN 1 ELSE 0 END) = 0
