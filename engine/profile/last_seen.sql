-- What decides whether the churn rule speaks of one user at the cutoff, by rows known before it.
SELECT
    (
        SELECT signed_up_at FROM users WHERE user_id = $user_id
    ) AS signed_up_at,
    (
        SELECT max(occurred_at) FROM events
        WHERE user_id = $user_id AND known_at < $cutoff AND occurred_at < $cutoff
            AND (len($kinds) = 0 OR list_contains(CAST($kinds AS VARCHAR[]), kind))
    ) AS last_event_at,
    (
        SELECT max(occurred_at) FROM payments
        WHERE user_id = $user_id AND known_at < $cutoff AND occurred_at < $cutoff
            AND list_contains(CAST($statuses AS VARCHAR[]), status)
    ) AS last_payment_at,
    (
        SELECT count(*) FROM payments
        WHERE user_id = $user_id AND known_at < $cutoff AND occurred_at < $cutoff
            AND list_contains(CAST($statuses AS VARCHAR[]), status)
    ) AS payments,
    (
        SELECT max(ends_at) FROM subscriptions
        WHERE user_id = $user_id AND known_at < $cutoff AND started_at < $cutoff
    ) AS membership_ends_at
