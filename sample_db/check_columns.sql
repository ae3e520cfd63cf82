-- About 70 sensible columns of every eligible user at the cutoff $c: what a good analyst would
-- give to a gradient booster. Reads ok_events, ok_payments, ok_terms, ok_messages, ok_users.
WITH seen AS (
    SELECT user_id, kind, content_id, duration_s, value, device, occurred_at,
           date_diff('minute', occurred_at, $c) / 1440.0 AS age,
           date_trunc('day', occurred_at) AS day
    FROM ok_events
    WHERE known_at < $c AND occurred_at >= $c - INTERVAL 180 DAY
),
eligible AS (
    SELECT DISTINCT user_id FROM seen WHERE occurred_at >= $c - INTERVAL 28 DAY
),
days AS (
    SELECT user_id, day, min(age) AS age, count(*) AS events,
           day - lag(day) OVER (PARTITION BY user_id ORDER BY day) AS gap
    FROM seen GROUP BY user_id, day
),
rhythm AS (
    SELECT user_id,
           count(*) FILTER (age <= 7) AS days_7, count(*) FILTER (age <= 14) AS days_14,
           count(*) FILTER (age <= 28) AS days_28, count(*) FILTER (age <= 56) AS days_56,
           count(*) FILTER (age <= 90) AS days_90, count(*) AS days_180,
           avg(epoch(gap) / 86400) FILTER (age <= 90) AS gap_mean,
           stddev_samp(epoch(gap) / 86400) FILTER (age <= 90) AS gap_sd,
           max(epoch(gap) / 86400) FILTER (age <= 90) AS gap_max,
           max(epoch(gap) / 86400) AS gap_max_180,
           quantile_cont(epoch(gap) / 86400, 0.8) AS gap_p80,
           avg(events) FILTER (age <= 28) AS depth_28, avg(events) AS depth_180
    FROM days GROUP BY user_id
),
use AS (
    SELECT user_id, min(age) AS recency, max(age) AS oldest,
           count(*) FILTER (age <= 7) AS n_7, count(*) FILTER (age <= 28) AS n_28,
           count(*) FILTER (age > 28 AND age <= 56) AS n_28_before, count(*) FILTER (age <= 90) AS n_90,
           count(*) AS n_180,
           count(*) FILTER (kind = 'lesson_started' AND age <= 28) AS started_28,
           count(*) FILTER (kind = 'lesson_started' AND age <= 90) AS started_90,
           count(*) FILTER (kind = 'lesson_finished' AND age <= 28) AS finished_28,
           count(*) FILTER (kind = 'lesson_finished' AND age <= 90) AS finished_90,
           count(*) FILTER (kind = 'audio_played' AND age <= 28) AS audio_28,
           count(*) FILTER (kind = 'column_read' AND age <= 28) AS column_28,
           count(*) FILTER (kind = 'search' AND age <= 28) AS search_28,
           count(*) FILTER (kind = 'search' AND age <= 90) AS search_90,
           count(*) FILTER (kind IN ('favourite', 'note_written', 'share') AND age <= 28) AS engaged_28,
           count(*) FILTER (kind IN ('favourite', 'note_written', 'share') AND age <= 90) AS engaged_90,
           count(*) FILTER (kind = 'purchase_viewed' AND age <= 28) AS offers_28,
           count(*) FILTER (kind = 'cancel_page_viewed' AND age <= 28) AS cancel_28,
           count(*) FILTER (kind = 'cancel_page_viewed' AND age <= 90) AS cancel_90,
           count(*) FILTER (kind = 'login_failed' AND age <= 28) AS login_failed_28,
           count(*) FILTER (kind = 'live_joined' AND age <= 90) AS live_90,
           sum(duration_s) FILTER (age <= 28) AS seconds_28,
           sum(duration_s) FILTER (age <= 90) AS seconds_90,
           avg(value) FILTER (age <= 28) AS progress_28, avg(value) FILTER (age <= 90) AS progress_90,
           count(DISTINCT content_id) FILTER (age <= 28) AS titles_28,
           count(DISTINCT content_id) AS titles_180,
           avg((dayofweek(occurred_at) IN (0, 6))::INT) AS weekend, count(DISTINCT device) AS devices,
           avg((device = 'web')::INT) AS web
    FROM seen GROUP BY user_id
),
fresh AS (  -- titles met for the first time in the last four weeks
    SELECT user_id, count(*) FILTER (first_age <= 28) AS new_titles_28, max(times) AS most_repeated
    FROM (SELECT user_id, content_id, max(age) AS first_age, count(*) AS times
          FROM seen WHERE content_id IS NOT NULL GROUP BY user_id, content_id)
    GROUP BY user_id
),
topics AS (
    SELECT user_id, count(DISTINCT topic) AS topics_180, max(n) / sum(n) AS top_topic_share
    FROM (SELECT user_id, topic, count(*) AS n FROM seen JOIN ok_contents USING (content_id)
          GROUP BY user_id, topic)
    GROUP BY user_id
),
money AS (
    SELECT user_id, min(age) FILTER (status = 'succeeded') AS paid_age,
           sum(amount) FILTER (status = 'succeeded') AS paid_total,
           sum(amount) FILTER (status = 'succeeded' AND age <= 90) AS paid_90,
           count(*) FILTER (status = 'failed' AND age <= 28) AS failed_28,
           count(*) FILTER (status = 'failed') AS failed,
           min(age) FILTER (status = 'failed') AS failed_age,
           count(*) FILTER (status = 'refunded') AS refunds,
           count(*) FILTER (status = 'succeeded' AND product LIKE 'title:%') AS titles_bought,
           count(coupon_code) AS coupons, arg_min(status = 'failed', age)::INT AS last_failed,
           arg_min(amount, age) FILTER (product LIKE 'membership:%' AND status = 'succeeded')
             / arg_min(amount, age, 2) FILTER (product LIKE 'membership:%' AND status = 'succeeded')[2]
             AS price_step
    FROM (SELECT *, date_diff('hour', occurred_at, $c) / 24.0 AS age
          FROM ok_payments WHERE known_at < $c)
    GROUP BY user_id
),
term AS (
    SELECT user_id, date_diff('day', $c, max(ends_at)) AS days_to_end, count(*) AS terms,
           arg_max(plan, started_at) AS plan, arg_max(price, started_at) AS price,
           arg_max(auto_renew AND (cancelled_at IS NULL OR cancelled_at >= $c), started_at)::INT AS renews,
           arg_max((cancelled_at IS NOT NULL AND cancelled_at < $c)::INT, started_at) AS cancelled
    FROM ok_terms WHERE known_at < $c GROUP BY user_id
),
voice AS (
    SELECT user_id, count(*) FILTER (channel = 'ticket' AND age <= 28) AS tickets_28,
           count(*) FILTER (channel = 'ticket') AS tickets,
           count(*) FILTER (channel = 'ticket' AND (resolved_at IS NULL OR resolved_at >= $c)) AS open_tickets,
           min(age) FILTER (channel = 'ticket') AS ticket_age,
           avg(rating) AS rating, arg_min(rating, age) AS last_rating,
           count(*) FILTER (rating <= 2 AND age <= 56) AS bad_56, count(*) FILTER (age <= 90) AS spoke_90
    FROM (SELECT *, date_diff('hour', occurred_at, $c) / 24.0 AS age
          FROM ok_messages WHERE known_at < $c)
    GROUP BY user_id
)
SELECT user_id, use.* EXCLUDE (user_id), rhythm.* EXCLUDE (user_id), fresh.* EXCLUDE (user_id),
       topics.* EXCLUDE (user_id), money.* EXCLUDE (user_id), term.* EXCLUDE (user_id, plan),
       voice.* EXCLUDE (user_id),
       CASE term.plan WHEN 'monthly' THEN 1 WHEN 'quarterly' THEN 2 WHEN 'annual' THEN 3 ELSE 0 END AS plan,
       recency / gap_mean AS recency_in_gaps, recency / gap_max_180 AS recency_in_longest_gap,
       n_28 / (n_28_before + 1.0) AS trend_28, days_28 / (days_90 + 1.0) AS trend_days,
       days_7 / (days_28 + 1.0) AS trend_week,
       new_titles_28 / (titles_28 + 1.0) AS new_share_28, finished_28 / (started_28 + 1.0) AS completion_28,
       finished_90 / (started_90 + 1.0) AS completion_90,
       date_diff('day', signed_up_at, $c) AS tenure, (locale = 'en')::INT AS english,
       marketing_consent::INT AS consent, sin(dayofyear($c) / 58.1) AS season_sin,
       cos(dayofyear($c) / 58.1) AS season_cos
FROM eligible JOIN ok_users USING (user_id) JOIN use USING (user_id) JOIN rhythm USING (user_id)
LEFT JOIN fresh USING (user_id) LEFT JOIN topics USING (user_id) LEFT JOIN money USING (user_id)
LEFT JOIN term USING (user_id) LEFT JOIN voice USING (user_id)
ORDER BY user_id
