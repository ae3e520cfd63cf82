-- Subscriptions of the population known before the cutoff, as they stood then: a cancellation at
-- or after the cutoff has not happened, and until then the renewal was on. newest = 1: the term
-- that ends last. previous_*: the user's term before it of the same plan.
SELECT
    user_id, plan, started_age_s, ends_in_s, term_s, cancelled_age_s, renews, price_u,
    row_number() OVER (
        PARTITION BY user_id
        ORDER BY coalesce(ends_in_s, 9000000000) DESC, started_age_s ASC, subscription_id ASC
    ) AS newest,
    lag(price_u) OVER terms AS previous_price_u, lag(term_s) OVER terms AS previous_term_s
FROM (
    SELECT
        user_id, subscription_id, coalesce(plan, '') AS plan,
        {started_age_s} AS started_age_s, {ends_in_s} AS ends_in_s, {term_s} AS term_s,
        CASE WHEN cancelled_at < {cutoff} THEN {cancelled_age_s} END AS cancelled_age_s,
        CASE WHEN cancelled_at < {cutoff} THEN FALSE WHEN cancelled_at >= {cutoff} THEN TRUE
            ELSE auto_renew END AS renews,
        CASE WHEN price IS NOT NULL
            THEN CAST(round(least(greatest(price, 0), 1000000000000) * 10000) AS BIGINT) END AS price_u
    FROM subscriptions
    WHERE known_at < {cutoff} AND started_at < {cutoff}
        AND user_id IN (SELECT user_id FROM population)
) AS terms_then
WINDOW terms AS (PARTITION BY user_id, plan ORDER BY started_age_s DESC, subscription_id DESC)
