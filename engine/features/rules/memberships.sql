-- Terms that overlap, or follow each other within the grace, are one membership: renewals in
-- advance, changes of plan and several subscriptions at once.
SELECT user_id, min(started_at) AS begun_at, max(stops_at) AS over_at
FROM (
    SELECT
        user_id, started_at, stops_at,
        sum(CASE WHEN started_at <= before_stops_at + INTERVAL (CAST($grace_days AS INTEGER)) DAY
            THEN 0 ELSE 1 END) OVER (
            PARTITION BY user_id ORDER BY started_at, stops_at, subscription_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS membership
    FROM (
        SELECT
            user_id, subscription_id, started_at, stops_at,
            max(stops_at) OVER (
                PARTITION BY user_id ORDER BY started_at, stops_at, subscription_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS before_stops_at
        FROM (
{terms}
        ) AS terms
        WHERE {counted}
    ) AS ordered
) AS numbered
GROUP BY user_id, membership
