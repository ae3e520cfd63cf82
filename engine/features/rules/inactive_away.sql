-- Did something once, then nothing for a horizon before the time in which candidates were seen.
SELECT user_id
FROM events
WHERE occurred_at < CAST($active_since AS TIMESTAMP)
    AND known_at < CAST($cutoff AS TIMESTAMP)
    AND {kinds}
GROUP BY user_id
HAVING max(occurred_at) < CAST($away_since AS TIMESTAMP)
