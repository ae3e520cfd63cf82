-- One row per user and day with an event in the 90 days before those of event_days: of them, only
-- that there was one counts.
SELECT DISTINCT
    user_id, CAST(floor(CAST(age_s - 1 AS DOUBLE) / CAST(86400 AS DOUBLE)) AS INTEGER) AS day
FROM known_events
WHERE age_s > 7776000 AND age_s <= 15552000
