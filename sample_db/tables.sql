-- From arrays to the contract's tables. Registered: d_users, d_events, d_payments, d_terms,
-- d_titles, d_messages, names (id lists). $start is the microsecond of day 0.
CREATE TEMP MACRO user_key(n) AS 'u' || lpad(n::VARCHAR, 6, '0');
CREATE TEMP MACRO title_key(n) AS 'c' || lpad((n + 1)::VARCHAR, 4, '0');
CREATE TEMP MACRO moment(us) AS make_timestamp((SELECT start_us FROM origin) + us::BIGINT);

CREATE TEMP TABLE users AS
SELECT user_key(n + 1) AS user_id, moment(signed_up) AS signed_up_at,
       name, email, phone, locale, timezone, city, channel,
       consent AS marketing_consent, personalisation AS personalisation_allowed, attributes
FROM d_users ORDER BY n;

CREATE TEMP TABLE user_sensitive AS
SELECT user_key(n + 1) AS user_id, gender, birth_year::INTEGER AS birth_year
FROM d_users WHERE gender IS NOT NULL ORDER BY n;

CREATE TEMP TABLE events AS
SELECT 'e' || lpad((n + 1)::VARCHAR, 8, '0') AS event_id, user_key("user" + 1) AS user_id,
       moment(occurred) AS occurred_at, moment(known) AS known_at,
       (SELECT kinds FROM words)[kind + 1] AS kind,
       CASE WHEN content >= 0 THEN title_key(content) END AS content_id,
       CASE WHEN isnan(duration) THEN NULL ELSE duration END AS duration_s,
       CASE WHEN isnan(value) THEN NULL ELSE value::DOUBLE END AS value,
       (SELECT devices FROM words)[device + 1] AS device
FROM d_events ORDER BY n;

CREATE TEMP TABLE payments AS
SELECT 'p' || lpad((n + 1)::VARCHAR, 7, '0') AS payment_id, user_key("user" + 1) AS user_id,
       moment(occurred) AS occurred_at, moment(known) AS known_at, amount, 'CNY' AS currency,
       (SELECT statuses FROM words)[status + 1] AS status,
       CASE WHEN title >= 0 THEN 'title:' || title_key(title)
            ELSE 'membership:' || (SELECT plans FROM words)[plan + 1] END AS product,
       nullif((SELECT coupons FROM words)[coupon + 1], '') AS coupon_code
FROM d_payments ORDER BY n;

CREATE TEMP TABLE subscriptions AS
SELECT 's' || lpad((n + 1)::VARCHAR, 7, '0') AS subscription_id, user_key("user" + 1) AS user_id,
       (SELECT plans FROM words)[plan + 1] AS plan,
       moment(started) AS started_at, moment(ended) AS ends_at,
       CASE WHEN cancelled >= 0 THEN moment(cancelled) END AS cancelled_at,
       auto AS auto_renew, price, moment(started) AS known_at
FROM d_terms ORDER BY n;

CREATE TEMP TABLE contents AS
SELECT title_key(n) AS content_id, title, topic, author, (SELECT formats FROM words)[format + 1] AS format,
       minutes, price, moment(published) AS published_at, description
FROM d_titles ORDER BY n;

CREATE TEMP TABLE messages AS
SELECT 'm' || lpad((n + 1)::VARCHAR, 7, '0') AS message_id, user_key("user" + 1) AS user_id,
       moment(occurred) AS occurred_at, moment(known) AS known_at, channel, text,
       CASE WHEN isnan(rating) THEN NULL ELSE rating END AS rating,
       CASE WHEN channel <> 'ticket' THEN NULL WHEN resolved >= 0 THEN 'resolved' ELSE 'open' END AS status,
       CASE WHEN resolved >= 0 THEN moment(resolved) END AS resolved_at
FROM d_messages ORDER BY n;

CREATE TEMP TABLE interventions AS
SELECT 'past-' || lpad((n + 1)::VARCHAR, 6, '0') AS intervention_id, campaign,
       user_key("user" + 1) AS user_id, moment(decided) AS decided_at,
       CASE WHEN treated THEN moment(sent) END AS sent_at, template_id, 'email' AS channel,
       CASE WHEN treated THEN 'treat' ELSE 'holdout' END AS arm, propensity, offer_percent,
       CASE WHEN treated THEN 'sent' ELSE 'held_out' END AS status, operator,
       moment(window_start) AS window_start, moment(window_end) AS window_end,
       CASE WHEN churned THEN 'churned' ELSE 'retained' END AS outcome
FROM d_interventions ORDER BY n;
