-- Whoever has a given label for this very date; where the date has none, every user known by then.
SELECT user_id FROM outcomes WHERE as_of = CAST($cutoff AS TIMESTAMP)
UNION
SELECT user_id
FROM users
WHERE NOT EXISTS (SELECT 1 FROM outcomes WHERE as_of = CAST($cutoff AS TIMESTAMP))
