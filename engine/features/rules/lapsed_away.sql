-- An earlier membership was over before the present one began.
SELECT user_id
FROM (
{memberships_then}
) AS memberships
WHERE begun_at < CAST($cutoff AS TIMESTAMP)
GROUP BY user_id
HAVING count(*) > 1
