-- The content to finish next: one that is out and that the user has not opened, of the topic of
-- which he opened most, the newest first.
WITH opened AS (
    SELECT unnest(CAST($opened AS VARCHAR[])) AS content_id
),
liked AS (
    SELECT contents.topic
    FROM contents
    INNER JOIN opened ON opened.content_id = contents.content_id
    WHERE contents.topic IS NOT NULL
    GROUP BY contents.topic
    ORDER BY count(*) DESC, contents.topic ASC
    LIMIT 1
)
SELECT content_id, title
FROM contents
WHERE (published_at IS NULL OR published_at < $cutoff)
    AND content_id NOT IN (SELECT content_id FROM opened)
ORDER BY
    topic IS NOT DISTINCT FROM (SELECT topic FROM liked) DESC, published_at DESC NULLS LAST,
    content_id ASC
LIMIT 1
