-- One row per user and content ever opened: one group-by serves every window of distinct contents.
SELECT
    user_id, content_id, count(*) FILTER (WHERE age_s <= 15552000) AS touches_180d,
    max(age_s) AS first_age_s, min(age_s) AS last_age_s,
    min(age_s) FILTER (WHERE finishes) AS finished_age_s
FROM known_events
INNER JOIN meanings ON meanings.kind = known_events.kind
WHERE content_id IS NOT NULL AND learns
GROUP BY user_id, content_id
