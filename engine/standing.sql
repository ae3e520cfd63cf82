-- Per user at the cutoff: revenue a day that staying would bring, and the last activity.
-- Money is summed as whole ten-thousandths, so that the order of the rows does not matter.
-- The rate is that of the running plan, or that of the last year, whichever is more: a plan paid
-- for a year ahead must not count as a month's revenue, nor a new member as a small one. Where there
-- is neither payment nor plan, an attribute may say what a user pays.
WITH paid AS (
    SELECT
        user_id,
        sum(
            CASE status WHEN 'succeeded' THEN 1 WHEN 'refunded' THEN -1 ELSE 0 END
            * CAST(round(least(greatest(amount, -1000000000000), 1000000000000) * 10000) AS BIGINT)
        ) FILTER (WHERE occurred_at >= $cutoff - to_days(CAST($window_days AS INTEGER)))
            / 10000.0 AS revenue,
        max(occurred_at) FILTER (WHERE status = 'succeeded') AS last_paid_at
    FROM payments
    WHERE known_at < $cutoff AND occurred_at < $cutoff
    GROUP BY user_id
),
running AS (
    SELECT
        user_id,
        max(price / greatest(1, date_diff('day', started_at, ends_at))) AS revenue_a_day
    FROM subscriptions
    WHERE known_at < $cutoff AND started_at < $cutoff AND ends_at >= $cutoff AND price IS NOT NULL
    GROUP BY user_id
),
seen AS (
    SELECT user_id, max(occurred_at) AS last_seen_at
    FROM events
    WHERE known_at < $cutoff AND occurred_at < $cutoff
    GROUP BY user_id
)
SELECT
    u.user_id,
    CASE
        WHEN p.user_id IS NULL AND r.user_id IS NULL THEN coalesce(c.amount / c.days, 0)
        ELSE greatest(coalesce(p.revenue, 0) / $window_days, coalesce(r.revenue_a_day, 0))
    END AS revenue_a_day,
    -- A renewal that the bank makes by itself is no sign of life where there are events.
    coalesce(s.last_seen_at, p.last_paid_at) AS last_active_at
FROM users u
LEFT JOIN paid p USING (user_id)
LEFT JOIN running r USING (user_id)
LEFT JOIN usual_charge c USING (user_id)
LEFT JOIN seen s USING (user_id)
