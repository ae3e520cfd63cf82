-- Seen in [active_since, cutoff), by rows known before the cutoff.
SELECT user_id
FROM events
WHERE occurred_at >= CAST($active_since AS TIMESTAMP)
    AND occurred_at < CAST($cutoff AS TIMESTAMP)
    AND known_at < CAST($cutoff AS TIMESTAMP)
    AND {kinds}
