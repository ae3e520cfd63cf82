-- One row per user: the topic with the most contents opened (then the first by name), how many of
-- its published contents were opened, when it was last opened, and how many are new. top_touches
-- and touches: learning in the last 180 days within the busiest topic, and in all. preference is
-- larger the more contents were seen, then the smaller the topic's number: no two are equal.
SELECT
    favourite.user_id, favourite.seen, favourite.last_age_s,
    favourite.top_touches, favourite.touches, supply.published, supply.fresh
FROM (
    SELECT
        user_id, max(seen) AS seen, max_by(topic_no, preference) AS topic_no,
        max_by(last_age_s, preference) AS last_age_s, max(touches_180d) AS top_touches,
        CAST(sum(touches_180d) AS BIGINT) AS touches
    FROM (
        SELECT
            user_id, topic_no, seen, last_age_s, touches_180d,
            seen * 4294967296 - topic_no AS preference
        FROM touched_topics
    ) AS preferred
    GROUP BY user_id
) AS favourite
INNER JOIN (
    SELECT topic_no, count(*) AS published, count(*) FILTER (WHERE age_s <= 5184000) AS fresh
    FROM known_contents
    GROUP BY topic_no
) AS supply ON supply.topic_no = favourite.topic_no
