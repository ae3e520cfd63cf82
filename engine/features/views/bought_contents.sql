-- Single purchases of a content, and whether it was ever opened. The payment's product is the
-- content's id, alone or as title:<id>.
SELECT bought.user_id, bought.age_s, touched_contents.content_id IS NOT NULL AS opened
FROM (
    SELECT
        user_id,
        CASE WHEN product LIKE 'title:%' THEN substr(product, 7) ELSE product END AS content_id,
        min(age_s) AS age_s
    FROM known_payments
    WHERE status = 'succeeded'
    GROUP BY 1, 2
) AS bought
INNER JOIN known_contents ON known_contents.content_id = bought.content_id
LEFT JOIN touched_contents
    ON touched_contents.user_id = bought.user_id
    AND touched_contents.content_id = bought.content_id
