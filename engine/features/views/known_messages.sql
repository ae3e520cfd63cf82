-- Messages of the population known before the cutoff; a solution at or after it has not come yet.
-- Ratings are whole thousandths. newest_rating = 1: the last one that was given. solved_s = seconds
-- to the solution; gap_s = seconds since the user's previous message of the channel.
SELECT
    user_id, channel, age_s, rating_u, resolved_age_s, age_s - resolved_age_s AS solved_s,
    row_number() OVER (
        PARTITION BY user_id, rating_u IS NULL ORDER BY age_s ASC, message_id ASC
    ) AS newest_rating,
    lag(age_s) OVER (PARTITION BY user_id, channel ORDER BY age_s DESC, message_id DESC) - age_s
        AS gap_s
FROM (
    SELECT
        user_id, message_id, channel, {age_s} AS age_s,
        CASE WHEN rating IS NOT NULL
            THEN CAST(round(least(greatest(rating, 0), 1000) * 1000) AS BIGINT) END AS rating_u,
        CASE WHEN resolved_at < {cutoff} THEN {resolved_age_s} END AS resolved_age_s
    FROM messages
    WHERE known_at < {cutoff} AND occurred_at < {cutoff}
        AND user_id IN (SELECT user_id FROM population)
) AS messages_then
