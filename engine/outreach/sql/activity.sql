-- For every open window that the data cover: was the user active in it, by the churn rule?
-- Facts known before $as_of only. $kind is the rule's kind.
WITH due AS (
    SELECT unnest($ids::VARCHAR[]) AS intervention_id, unnest($user_ids::VARCHAR[]) AS user_id,
           unnest($starts::TIMESTAMP[]) AS window_start, unnest($ends::TIMESTAMP[]) AS window_end
),
sign AS (
    SELECT user_id, occurred_at
    FROM events
    WHERE $kind = 'inactive' AND known_at < $as_of
    UNION ALL
    SELECT user_id, occurred_at
    FROM payments
    WHERE $kind = 'no_payment' AND status = 'succeeded' AND known_at < $as_of
    UNION ALL
    -- A subscription that runs past the window: renewed, or never up for renewal.
    SELECT s.user_id, d.window_start
    FROM subscriptions AS s
    JOIN due AS d USING (user_id)
    WHERE $kind = 'lapsed' AND s.known_at < $as_of AND s.started_at < d.window_end
      AND (s.ends_at IS NULL OR s.ends_at >= d.window_end)
)
SELECT d.intervention_id, u.user_id IS NOT NULL AS known_user,
       count(s.occurred_at) > 0 AS active
FROM due AS d
LEFT JOIN (SELECT DISTINCT user_id FROM users) AS u USING (user_id)
LEFT JOIN sign AS s
    ON s.user_id = d.user_id AND s.occurred_at >= d.window_start AND s.occurred_at < d.window_end
GROUP BY d.intervention_id, u.user_id
ORDER BY d.intervention_id
