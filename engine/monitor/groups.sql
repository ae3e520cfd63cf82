-- Every user's groups at the cutoff. Ages are by year of birth, so a band may be a year off.
SELECT
    users.user_id,
    coalesce(sensitive.gender, '') AS gender,
    CASE
        WHEN sensitive.birth_year IS NULL THEN ''
        WHEN year(CAST($cutoff AS TIMESTAMP)) - sensitive.birth_year < 25 THEN '<25'
        WHEN year(CAST($cutoff AS TIMESTAMP)) - sensitive.birth_year < 35 THEN '25-34'
        WHEN year(CAST($cutoff AS TIMESTAMP)) - sensitive.birth_year < 45 THEN '35-44'
        WHEN year(CAST($cutoff AS TIMESTAMP)) - sensitive.birth_year < 55 THEN '45-54'
        ELSE '55+'
    END AS age_band,
    coalesce(users.channel, '') AS channel,
    coalesce(users.city, '') AS city,
    users.signed_up_at
FROM users
LEFT JOIN (
    SELECT user_id, min(gender) AS gender, min(birth_year) AS birth_year
    FROM user_sensitive GROUP BY user_id
) AS sensitive ON sensitive.user_id = users.user_id
ORDER BY users.user_id
