-- One row per user and topic ever opened: its contents seen, when it was last opened, and how often
-- in the last 180 days. Topics are numbered by name: numbers are grouped faster than words.
SELECT
    touched_contents.user_id, known_contents.topic_no, count(*) AS seen,
    min(touched_contents.last_age_s) AS last_age_s,
    CAST(sum(touched_contents.touches_180d) AS BIGINT) AS touches_180d
FROM touched_contents
INNER JOIN known_contents ON known_contents.content_id = touched_contents.content_id
WHERE known_contents.topic_no IS NOT NULL
GROUP BY touched_contents.user_id, known_contents.topic_no
