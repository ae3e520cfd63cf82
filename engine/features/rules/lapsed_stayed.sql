-- The membership reaches the end of the window: terms that follow each other within the grace are
-- one membership, and the one that runs at the cutoff must not end before the window does.
SELECT DISTINCT user_id
FROM (
    SELECT
        user_id,
        min(started_at) AS begun_at,
        max(stops_at) AS over_at
    FROM (
        SELECT
            user_id, started_at, stops_at,
            sum(CASE WHEN started_at <= before_stops_at + INTERVAL (CAST($grace_days AS INTEGER)) DAY
                THEN 0 ELSE 1 END)
                OVER (PARTITION BY user_id ORDER BY started_at, stops_at, subscription_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS membership
        FROM (
            SELECT
                user_id, subscription_id, started_at,
                coalesce(ends_at, CAST('9999-12-31' AS TIMESTAMP)) AS stops_at,
                max(coalesce(ends_at, CAST('9999-12-31' AS TIMESTAMP)))
                    OVER (PARTITION BY user_id
                        ORDER BY started_at, coalesce(ends_at, CAST('9999-12-31' AS TIMESTAMP)),
                            subscription_id
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_stops_at
            FROM subscriptions
        ) AS terms
    ) AS numbered
    GROUP BY user_id, membership
) AS memberships
WHERE begun_at < CAST($cutoff AS TIMESTAMP)
    AND over_at >= CAST($window_stop AS TIMESTAMP)
