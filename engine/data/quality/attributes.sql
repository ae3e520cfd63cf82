-- Of each attribute of the users: how many have it, and whether all of them have the same.
WITH held AS (
    SELECT
        unnest($names) AS name,
        nullif(trim(unnest(json_extract_string(attributes, $pointers)), $blanks), '') AS value
    FROM users
    WHERE json_valid(attributes)
)
SELECT name, count(value), coalesce(min(value) = max(value), false)
FROM held GROUP BY name ORDER BY name
