-- Paid once, then nothing for a horizon before the time in which candidates paid.
SELECT user_id
FROM (
{payments}
) AS paid
WHERE occurred_at < CAST($active_since AS TIMESTAMP)
GROUP BY user_id
HAVING max(occurred_at) < CAST($away_since AS TIMESTAMP)
