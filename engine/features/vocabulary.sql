-- Every kind that activity.sql can say, from the loaded rows: dictionaries are read, not the rows.
SELECT kind FROM events
UNION SELECT 'payment:' || status FROM payments
UNION SELECT 'message:' || channel FROM messages
UNION SELECT unnest(['subscription:started', 'subscription:cancelled'])
ORDER BY 1
