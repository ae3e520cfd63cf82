-- Per user at the cutoff: revenue a day over the last year that they were a user, last activity.
WITH paid AS (
    SELECT
        user_id,
        sum(CASE status WHEN 'succeeded' THEN amount WHEN 'refunded' THEN -amount ELSE 0 END)
            FILTER (WHERE occurred_at >= $cutoff - to_days(CAST($window_days AS INTEGER))) AS revenue,
        max(occurred_at) FILTER (WHERE status = 'succeeded') AS last_paid_at,
        min(occurred_at) AS first_paid_at
    FROM payments
    WHERE known_at < $cutoff AND occurred_at < $cutoff
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
    coalesce(p.revenue, 0) / greatest(
        $min_days,
        least($window_days, date_diff('day', coalesce(u.signed_up_at, p.first_paid_at, $cutoff), $cutoff))
    ) AS revenue_a_day,
    greatest(s.last_seen_at, p.last_paid_at) AS last_active_at
FROM users u
LEFT JOIN paid p USING (user_id)
LEFT JOIN seen s USING (user_id)
