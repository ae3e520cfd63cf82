-- Up to three titles per user, popular of late among readers of their language and never opened by
-- them: first from the topic that they choose most (from_topic), else from all topics. Facts known
-- before $as_of only.
WITH reader AS (
    SELECT user_id, lower(substr(coalesce(locale, ''), 1, 2)) AS language
    FROM users
),
wanted AS (
    SELECT r.user_id, r.language
    FROM reader AS r
    JOIN (SELECT DISTINCT unnest($user_ids::VARCHAR[]) AS user_id) AS w USING (user_id)
),
opened AS (
    SELECT DISTINCT e.user_id, e.content_id
    FROM events AS e
    JOIN wanted USING (user_id)
    WHERE e.content_id IS NOT NULL AND e.known_at < $as_of
),
topic_use AS (
    SELECT e.user_id, c.topic, count(*) AS uses
    FROM events AS e
    JOIN wanted USING (user_id)
    JOIN contents AS c USING (content_id)
    WHERE c.topic IS NOT NULL AND e.known_at < $as_of
      AND e.occurred_at >= $as_of - to_days($topic_days::INTEGER)
    GROUP BY e.user_id, c.topic
),
favourite AS (
    SELECT user_id, topic
    FROM (
        SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY uses DESC, topic) AS best
        FROM topic_use
    ) AS ranked
    WHERE best = 1
),
popular AS (
    SELECT r.language, e.content_id, count(DISTINCT e.user_id) AS readers
    FROM events AS e
    JOIN reader AS r USING (user_id)
    WHERE e.content_id IS NOT NULL AND e.known_at < $as_of
      AND e.occurred_at >= $as_of - to_days($popular_days::INTEGER)
    GROUP BY r.language, e.content_id
),
ranked_title AS (
    SELECT p.language, c.content_id, c.title, c.topic, c.author, c.minutes, p.readers,
           row_number() OVER (
               PARTITION BY p.language ORDER BY p.readers DESC, c.content_id) AS overall,
           row_number() OVER (
               PARTITION BY p.language, c.topic ORDER BY p.readers DESC, c.content_id) AS in_topic
    FROM popular AS p
    JOIN contents AS c USING (content_id)
    WHERE c.title IS NOT NULL AND (c.published_at IS NULL OR c.published_at < $as_of)
),
candidate AS (
    SELECT w.user_id, r.*, TRUE AS from_topic
    FROM wanted AS w
    JOIN favourite AS f ON f.user_id = w.user_id
    JOIN ranked_title AS r
        ON r.language = w.language AND r.topic = f.topic AND r.in_topic <= $pool
    UNION ALL
    SELECT w.user_id, r.*, FALSE AS from_topic
    FROM wanted AS w
    JOIN ranked_title AS r ON r.language = w.language AND r.overall <= $pool
),
fresh AS (
    SELECT c.*,
           row_number() OVER (
               PARTITION BY c.user_id, c.from_topic ORDER BY c.readers DESC, c.content_id) AS choice
    FROM candidate AS c
    LEFT JOIN opened AS o ON o.user_id = c.user_id AND o.content_id = c.content_id
    WHERE o.content_id IS NULL
)
SELECT user_id, from_topic, topic, content_id, title, author, minutes
FROM fresh
WHERE choice <= 3
ORDER BY user_id, from_topic DESC, choice
