-- Do the loaded data have a label and no time axis? No fact has a time, and the labels have one at
-- most.
SELECT (SELECT count(DISTINCT as_of) FROM outcomes) <= 1
    AND EXISTS (SELECT 1 FROM outcomes)
    AND NOT EXISTS (SELECT 1 FROM events)
    AND NOT EXISTS (SELECT 1 FROM payments)
    AND NOT EXISTS (SELECT 1 FROM subscriptions)
    AND NOT EXISTS (SELECT 1 FROM messages)
