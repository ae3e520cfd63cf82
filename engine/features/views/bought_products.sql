-- One row per user and product ever paid for.
SELECT
    user_id, product, count(*) AS times, max(age_s) AS first_age_s, min(age_s) AS last_age_s
FROM known_payments
WHERE status = 'succeeded' AND product IS NOT NULL
GROUP BY user_id, product
