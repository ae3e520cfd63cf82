-- A membership begins after the cutoff: whoever had left is there again.
SELECT DISTINCT user_id
FROM (
{memberships}
) AS memberships
WHERE begun_at >= CAST($cutoff AS TIMESTAMP)
    AND begun_at < CAST($back_before AS TIMESTAMP)
