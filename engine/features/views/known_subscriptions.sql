-- Subscriptions of the population known before the cutoff, as they stood then: a cancellation, a
-- pause or a return at or after the cutoff has not happened, and until then the renewal was on.
-- newest = 1: the term that ends last. previous_*: the user's term before it of the same plan;
-- last_*: the term that began before it, of any plan. away_s: seconds without any term before this
-- one began, below 0 when it was renewed early, missing in the first.
SELECT
    user_id, plan, started_age_s, ends_in_s, term_s, cancelled_age_s, renews, price_u, trial,
    paused_age_s, resumed_age_s,
    row_number() OVER (
        PARTITION BY user_id
        ORDER BY coalesce(ends_in_s, 9000000000) DESC, started_age_s ASC, subscription_id ASC
    ) AS newest,
    lag(price_u) OVER terms AS previous_price_u, lag(term_s) OVER terms AS previous_term_s,
    lag(plan) OVER begun AS last_plan, lag(price_u) OVER begun AS last_price_u,
    lag(term_s) OVER begun AS last_term_s, lag(trial) OVER begun AS last_trial,
    -started_age_s - max(coalesce(ends_in_s, 9000000000)) OVER (
        PARTITION BY user_id ORDER BY started_age_s DESC, subscription_id DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS away_s
FROM (
    SELECT
        user_id, subscription_id, coalesce(plan, '') AS plan,
        {started_age_s} AS started_age_s, {ends_in_s} AS ends_in_s, {term_s} AS term_s,
        CASE WHEN cancelled_at < {cutoff} THEN {cancelled_age_s} END AS cancelled_age_s,
        CASE WHEN cancelled_at < {cutoff} THEN FALSE WHEN cancelled_at >= {cutoff} THEN TRUE
            ELSE auto_renew END AS renews,
        CASE WHEN price IS NOT NULL
            THEN CAST(round(least(greatest(price, 0), 1000000000000) * 10000) AS BIGINT)
        END AS price_u,
        coalesce(trial, FALSE) AS trial,
        CASE WHEN paused_at < {cutoff} THEN {paused_age_s} END AS paused_age_s,
        CASE WHEN paused_at < {cutoff} AND resumes_at < {cutoff} THEN {resumed_age_s}
        END AS resumed_age_s
    FROM subscriptions
    WHERE known_at < {cutoff} AND started_at < {cutoff}
        AND user_id IN (SELECT user_id FROM population)
) AS terms_then
WINDOW
    terms AS (PARTITION BY user_id, plan ORDER BY started_age_s DESC, subscription_id DESC),
    begun AS (PARTITION BY user_id ORDER BY started_age_s DESC, subscription_id DESC)
