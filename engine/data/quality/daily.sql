-- Rows of each table by the day on which they happened; late: known more than a day afterwards.
-- The statement for databases whose load did not count the days.
SELECT 'events' AS table_name, CAST(occurred_at AS DATE) AS day, count(*) AS rows,
    count(*) FILTER (known_at > occurred_at + INTERVAL 1 DAY) AS late
FROM events GROUP BY day
UNION ALL
SELECT 'payments', CAST(occurred_at AS DATE) AS day, count(*),
    count(*) FILTER (known_at > occurred_at + INTERVAL 1 DAY)
FROM payments GROUP BY day
UNION ALL
SELECT 'messages', CAST(occurred_at AS DATE) AS day, count(*),
    count(*) FILTER (known_at > occurred_at + INTERVAL 1 DAY)
FROM messages GROUP BY day
UNION ALL
SELECT 'subscriptions', CAST(started_at AS DATE) AS day, count(*),
    count(*) FILTER (known_at > started_at + INTERVAL 1 DAY)
FROM subscriptions GROUP BY day
