-- One row per user, kind of event and device of the last 28 days.
SELECT user_id, kind, device, count(*) AS times
FROM known_events
WHERE age_s <= 2419200
GROUP BY user_id, kind, device
