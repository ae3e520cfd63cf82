-- One row per user: the term that ends last, running (ends_in_s > 0 or open) or over.
SELECT
    user_id, plan, started_age_s, ends_in_s, term_s, cancelled_age_s, renews, price_u, trial,
    paused_age_s, resumed_age_s, previous_price_u, previous_term_s, away_s,
    ends_in_s IS NULL OR ends_in_s > 0 AS running
FROM known_subscriptions
WHERE newest = 1
