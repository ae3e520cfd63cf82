-- The activity stream as small integers: strings cost by the byte wherever they go. occurred_s stays
-- within 1970-2106, which is what 32 bits hold.
WITH activity AS (
{activity}
),
kind_codes AS (
    SELECT unnest($kinds) AS kind, CAST(unnest(range(len($kinds))) AS {kind_type}) AS code
),
topic_codes AS (
    SELECT unnest($topics) AS topic, CAST(unnest(range(len($topics))) AS {topic_type}) AS code
),
named AS (
    SELECT contents.content_id, contents.published_at, topic_codes.code
    FROM contents
    INNER JOIN topic_codes ON topic_codes.topic = contents.topic
)
SELECT
    members.member,
    epoch_us(greatest(activity.known_at, TIMESTAMP '1970-01-01')) AS known_us,
    CAST(epoch_us(
        least(
            greatest(activity.occurred_at, TIMESTAMP '1970-01-01'),
            TIMESTAMP '2106-02-07 06:28:15'
        )
    ) // 1000000 AS UINTEGER) AS occurred_s,
    CAST(ln(1 + greatest(activity.amount, 0)) AS REAL) AS value,
    kind_codes.code AS kind,
    CASE WHEN named.published_at > activity.known_at THEN CAST(0 AS {topic_type})
        ELSE coalesce(named.code, CAST(0 AS {topic_type})) END AS topic
FROM activity
INNER JOIN activity_members AS members ON members.user_id = activity.user_id
INNER JOIN kind_codes ON kind_codes.kind = activity.kind
LEFT JOIN named ON named.content_id = activity.content_id
