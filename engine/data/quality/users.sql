-- One row of counts about the users.
WITH addresses AS (
    SELECT count(*) AS users FROM users WHERE email IS NOT NULL GROUP BY lower(email)
),
idle AS (
    SELECT count(*) AS users FROM users
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.user_id = users.user_id)
        AND NOT EXISTS (SELECT 1 FROM payments WHERE payments.user_id = users.user_id)
        AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.user_id = users.user_id)
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE subscriptions.user_id = users.user_id)
)
SELECT
    (SELECT users FROM idle) AS without_facts,
    (SELECT count(*) FROM users WHERE email IS NULL) AS without_email,
    (SELECT count(*) FROM users WHERE marketing_consent IS NULL) AS without_consent,
    (SELECT coalesce(sum(users), 0) FROM addresses WHERE users > 1) AS sharing_email,
    (SELECT count(*) FROM users WHERE signed_up_at IS NULL) AS without_sign_up
