-- The newest activities of each user before each cutoff, as small integers: the sort costs by the
-- byte. span = the first cutoff that sees the activity; place 1 = the newest of its user and span.
-- Whoever is not among the last of its own span is not among the last of any later cutoff.
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
),
coded AS (
    SELECT
        members.member, {span} AS span, kind_codes.code AS kind,
        CASE WHEN named.published_at > activity.known_at THEN CAST(0 AS {topic_type})
            ELSE coalesce(named.code, CAST(0 AS {topic_type})) END AS topic,
        CAST(ln(1 + greatest(activity.amount, 0)) AS REAL) AS amount,
        CAST(epoch_us(
            least(
                greatest(activity.occurred_at, TIMESTAMP '1970-01-01'),
                TIMESTAMP '2106-02-07 06:28:15'
            )
        ) // 1000000 AS UINTEGER) AS occurred_s,
        activity.known_at, activity.row_id
    FROM activity
    INNER JOIN activity_members AS members ON members.user_id = activity.user_id
    INNER JOIN kind_codes ON kind_codes.kind = activity.kind
    LEFT JOIN named ON named.content_id = activity.content_id
),
placed AS (
    SELECT
        member, span, kind, topic, amount, occurred_s,
        row_number() OVER (
            PARTITION BY member, span ORDER BY known_at DESC, row_id DESC, kind DESC
        ) AS place
    FROM coded
)
SELECT member, span, kind, topic, amount, occurred_s, CAST(place AS UTINYINT) AS place
FROM placed
WHERE place <= {most}
