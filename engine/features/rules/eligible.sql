-- Whom the rule speaks of: signed up, of its own candidates, and none of those who are left out.
SELECT user_id
FROM users
WHERE (signed_up_at IS NULL OR signed_up_at < CAST($cutoff AS TIMESTAMP))
    AND user_id IN (
{candidates}
    )
