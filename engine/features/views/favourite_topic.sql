-- One row per user: the topic with the most contents opened (then the first by name), how many of
-- its published contents were opened, when it was last opened, and how many are new. top_touches
-- and touches: learning in the last 180 days within the busiest topic, and in all.
SELECT
    favourite.user_id, favourite.topic, favourite.seen, favourite.last_age_s,
    favourite.top_touches, favourite.touches, supply.published, supply.fresh
FROM (
    SELECT
        user_id, topic, seen, last_age_s,
        row_number() OVER (PARTITION BY user_id ORDER BY seen DESC, topic ASC) AS place,
        max(touches_180d) OVER (PARTITION BY user_id) AS top_touches,
        CAST(sum(touches_180d) OVER (PARTITION BY user_id) AS BIGINT) AS touches
    FROM (
        SELECT
            touched_contents.user_id, known_contents.topic, count(*) AS seen,
            min(touched_contents.last_age_s) AS last_age_s,
            CAST(sum(touched_contents.touches_180d) AS BIGINT) AS touches_180d
        FROM touched_contents
        INNER JOIN known_contents ON known_contents.content_id = touched_contents.content_id
        WHERE known_contents.topic IS NOT NULL
        GROUP BY touched_contents.user_id, known_contents.topic
    ) AS counted
) AS favourite
INNER JOIN (
    SELECT topic, count(*) AS published, count(*) FILTER (WHERE age_s <= 5184000) AS fresh
    FROM known_contents
    GROUP BY topic
) AS supply ON supply.topic = favourite.topic
WHERE favourite.place = 1
