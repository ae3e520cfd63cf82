-- Whoever has a given label for this very date; where the date has none, every user known by then.
SELECT user_id
FROM users
WHERE (signed_up_at IS NULL OR signed_up_at < CAST($cutoff AS TIMESTAMP))
    AND (
        user_id IN (SELECT user_id FROM outcomes WHERE as_of = CAST($cutoff AS TIMESTAMP))
        OR NOT EXISTS (SELECT 1 FROM outcomes WHERE as_of = CAST($cutoff AS TIMESTAMP))
    )
