-- One row per user and content ever opened: one group-by serves every window of distinct contents.
-- published_age_s: how long the content has been out.
SELECT
    touches.user_id, touches.content_id, known_contents.topic, known_contents.author,
    known_contents.format, known_contents.age_s AS published_age_s,
    touches.touches_180d, touches.first_age_s, touches.last_age_s, touches.finished_age_s
FROM (
    SELECT
        user_id, content_id, count(*) FILTER (WHERE age_s <= 15552000) AS touches_180d,
        max(age_s) AS first_age_s, min(age_s) AS last_age_s,
        min(age_s) FILTER (WHERE {finished}) AS finished_age_s
    FROM known_events
    WHERE content_id IS NOT NULL AND {learning}
    GROUP BY user_id, content_id
) AS touches
LEFT JOIN known_contents ON known_contents.content_id = touches.content_id
