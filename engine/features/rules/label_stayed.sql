-- Labelled 0 for this date by the data's owner.
SELECT DISTINCT user_id
FROM outcomes
WHERE as_of = CAST($cutoff AS TIMESTAMP) AND label = 0
