-- Who is scored: everyone whose label is not 1. Those who have left need no letter.
SELECT user_id, CAST(NULL AS INTEGER) AS label
FROM users
WHERE user_id NOT IN (SELECT user_id FROM outcomes WHERE label = 1)
