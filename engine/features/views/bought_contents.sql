-- Single purchases of a content (the payment's product is its id), and whether it was ever opened.
SELECT bought.user_id, bought.product, bought.age_s, touched_contents.content_id IS NOT NULL AS opened
FROM (
    SELECT user_id, product, min(age_s) AS age_s
    FROM known_payments
    WHERE status = 'succeeded' AND product IN (SELECT content_id FROM known_contents)
    GROUP BY user_id, product
) AS bought
LEFT JOIN touched_contents
    ON touched_contents.user_id = bought.user_id
    AND touched_contents.content_id = bought.product
