-- What is usual on the platform: of each kind of event of the last 90 days before the cutoff, how
-- often it happened and its middle duration and value. For users who have none of their own.
SELECT
    kind, count(*) AS times, median(duration_s) AS duration_s, median(value) AS value,
    count(content_id) * 2 > count(*) AS with_content
FROM events
WHERE known_at < $cutoff AND occurred_at < $cutoff
    AND occurred_at >= CAST($cutoff AS TIMESTAMP) - INTERVAL 90 DAY
GROUP BY kind
ORDER BY times DESC, kind
