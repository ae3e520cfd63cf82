-- Of the users whom the rule speaks of at the instant $asked_at, those who were users at the cutoff.
-- Where the day of the sign-up is not told, the first thing known of a user tells.
SELECT user_id
FROM users
WHERE user_id IN (
{asked}
    )
    AND (
        signed_up_at < CAST($cutoff AS TIMESTAMP)
        OR user_id IN (
            SELECT user_id
            FROM (
                SELECT user_id, known_at FROM events
                UNION ALL
                SELECT user_id, known_at FROM payments
                UNION ALL
                SELECT user_id, known_at FROM subscriptions
                UNION ALL
                SELECT user_id, known_at FROM messages
            ) AS facts
            WHERE known_at < CAST($cutoff AS TIMESTAMP)
                AND user_id IN (SELECT user_id FROM users WHERE signed_up_at IS NULL)
        )
    )
