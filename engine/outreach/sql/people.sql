-- What a message may say of each user, and whether one may be sent: facts known before $as_of only.
WITH wanted AS (
    SELECT DISTINCT unnest($user_ids::VARCHAR[]) AS user_id
),
-- People who share an address are one unit: drawn into one arm, written to once.
address AS (
    SELECT lower(trim(email)) AS address, min(user_id) AS unit_id
    FROM users
    WHERE email IS NOT NULL AND trim(email) <> ''
    GROUP BY lower(trim(email))
),
subscription AS (
    SELECT s.user_id, s.plan, s.ends_at, s.price,
           coalesce(s.auto_renew, FALSE) AND s.cancelled_at IS NULL AS auto_renew,
           row_number() OVER (
               PARTITION BY s.user_id ORDER BY s.started_at DESC, s.subscription_id DESC) AS newest
    FROM subscriptions AS s
    JOIN wanted USING (user_id)
    WHERE s.known_at < $as_of AND s.started_at < $as_of
),
payment AS (
    SELECT p.user_id, p.occurred_at, p.amount, p.currency, p.status,
           row_number() OVER (
               PARTITION BY p.user_id ORDER BY p.occurred_at DESC, p.payment_id DESC) AS newest
    FROM payments AS p
    JOIN wanted USING (user_id)
    WHERE p.known_at < $as_of AND p.status IN ('succeeded', 'failed')
),
paid AS (
    SELECT user_id, avg(amount) AS usual_amount
    FROM payment
    WHERE status = 'succeeded'
    GROUP BY user_id
),
ticket AS (
    SELECT m.user_id, count(*) AS open_tickets
    FROM messages AS m
    JOIN wanted USING (user_id)
    WHERE m.channel = 'ticket' AND m.known_at < $as_of
      AND m.occurred_at >= $as_of - to_days($ticket_days::INTEGER)
      AND (m.resolved_at IS NULL OR m.resolved_at >= $as_of)
      AND lower(coalesce(m.status, 'open')) NOT IN ('resolved', 'closed', 'solved', 'done')
    GROUP BY m.user_id
),
title AS (
    SELECT e.user_id, e.content_id, max(e.occurred_at) AS last_at,
           count(*) FILTER (WHERE e.kind LIKE '%start%') AS starts,
           count(*) FILTER (WHERE e.kind LIKE '%finish%' OR e.kind LIKE '%complet%') AS finishes
    FROM events AS e
    JOIN wanted USING (user_id)
    WHERE e.content_id IS NOT NULL AND e.known_at < $as_of
      AND e.occurred_at >= $as_of - to_days($started_days::INTEGER)
    GROUP BY e.user_id, e.content_id
),
unfinished AS (
    SELECT t.user_id, c.title,
           count(*) OVER (PARTITION BY t.user_id) AS titles,
           row_number() OVER (
               PARTITION BY t.user_id ORDER BY t.last_at DESC, t.content_id) AS newest
    FROM title AS t
    JOIN contents AS c USING (content_id)
    WHERE t.starts > t.finishes AND c.title IS NOT NULL
)
SELECT w.user_id, u.name, u.email, u.locale, u.marketing_consent, u.personalisation_allowed,
       coalesce(a.unit_id, w.user_id) AS unit_id,
       s.plan, s.ends_at, s.auto_renew, coalesce(s.price, paid.usual_amount, c.amount) AS renewal_price,
       CASE WHEN p.status = 'failed' THEN p.occurred_at END AS failed_at,
       CASE WHEN p.status = 'failed' THEN p.amount END AS failed_amount,
       coalesce(t.open_tickets, 0) AS open_tickets,
       n.titles AS unfinished_titles, n.title AS next_title
FROM wanted AS w
JOIN users AS u USING (user_id)
LEFT JOIN address AS a ON a.address = lower(trim(u.email))
LEFT JOIN subscription AS s ON s.user_id = w.user_id AND s.newest = 1
LEFT JOIN payment AS p ON p.user_id = w.user_id AND p.newest = 1
LEFT JOIN paid ON paid.user_id = w.user_id
LEFT JOIN usual_charge AS c ON c.user_id = w.user_id
LEFT JOIN ticket AS t ON t.user_id = w.user_id
LEFT JOIN unfinished AS n ON n.user_id = w.user_id AND n.newest = 1
ORDER BY w.user_id
