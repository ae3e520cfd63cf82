-- The last 90 days, apart from the lifetime pass: the filtered aggregates then see fewer rows.
SELECT user_id, kind, content_id, age_s, duration_ms, progress_u
FROM known_events
WHERE age_s <= 7776000
