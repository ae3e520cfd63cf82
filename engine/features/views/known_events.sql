-- Events of the population that were known before the cutoff. Durations are whole milliseconds,
-- at most a day: integer sums do not depend on the order in which threads add. progress_u is the
-- share of an item that was played, in thousandths, where a learning event's value says so;
-- value_u is the value of any other event (usage, a balance), in thousandths.
SELECT
    user_id, kind, content_id, device, {age_s} AS age_s,
    CASE WHEN {learning} AND value BETWEEN 0 AND 1
        THEN CAST(round(value * 1000) AS BIGINT) END AS progress_u,
    CASE WHEN NOT {learning} AND value IS NOT NULL
        THEN CAST(round(least(greatest(value, -1000000000000), 1000000000000) * 1000) AS BIGINT)
    END AS value_u,
    CAST(round(least(greatest(coalesce(duration_s, 0), 0), 86400) * 1000) AS BIGINT) AS duration_ms
FROM events
WHERE known_at < {cutoff} AND occurred_at < {cutoff}
    AND user_id IN (SELECT user_id FROM population)
