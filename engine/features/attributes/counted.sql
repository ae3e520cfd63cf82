-- Of each attribute: users who have it, different values, users for whom it is a number, and its
-- frequent values, most frequent first.
WITH held AS (
    SELECT
        unnest($names) AS name,
        nullif(trim(unnest(json_extract_string(attributes, $pointers)), $blanks), '') AS value
    FROM users
    WHERE json_valid(attributes)
),
counted AS (
    SELECT name, value, count(*) AS users
    FROM held
    WHERE value IS NOT NULL
    GROUP BY name, value
)
SELECT
    name,
    CAST(sum(users) AS BIGINT),
    count(*),
    CAST(coalesce(sum(users) FILTER (WHERE isfinite(TRY_CAST(value AS DOUBLE))), 0) AS BIGINT),
    coalesce(
        list_slice(list(value ORDER BY users DESC, value) FILTER (WHERE users >= $least), 1, $most),
        []
    )
FROM counted
GROUP BY name
ORDER BY name
