-- The invented business at scale, in the contract's names. Every draw is a hash of a row's number
-- and the seed, so the same numbers give the same world. Values are bound by name; sections are
-- split at the lines of dashes and run one after another, one that begins "each month" for each.

-- Contents: a few are opened by many.
INSERT INTO contents BY NAME
SELECT
    'c' || lpad(CAST(n AS VARCHAR), 6, '0') AS content_id,
    'Item ' || n AS title,
    'topic ' || (hash(n, 1, $seed) % 24) AS topic,
    'author ' || (hash(n, 2, $seed) % 300) AS author,
    ['course', 'column', 'audio', 'live'][1 + CAST(hash(n, 3, $seed) % 4 AS INTEGER)] AS format,
    CAST(5 + hash(n, 4, $seed) % 55 AS DOUBLE) AS minutes,
    TIMESTAMP '2025-01-06' + to_days(CAST(hash(n, 5, $seed) % 700 AS INTEGER) - 340) AS published_at
FROM range(6000) AS numbers(n);
----
-- Users: when they came, when they stop, and how busy they are. Busyness is log-normal, and one
-- user in a thousand is up to three hundred times as busy (machines, shared accounts).
CREATE TEMP TABLE people AS
SELECT
    n, 'u' || lpad(CAST(n AS VARCHAR), 8, '0') AS user_id, came_day,
    came_day + 1 + (360 - came_day) * CASE WHEN hash(n, 12, $seed) % 10 < 3
        THEN hash(n, 13, $seed) % 1000 / 1000.0 ELSE 1 END AS gone_day,
    exp(0.6 * sqrt(-2 * ln((1 + hash(n, 14, $seed) % 1000000) / 1000001.0))
            * cos(2 * pi() * (hash(n, 15, $seed) % 1000000) / 1000000.0))
        * CASE WHEN hash(n, 16, $seed) % 1000 = 0
            THEN pow((1 + hash(n, 17, $seed) % 1000) / 1000.0, -0.83) ELSE 1 END AS busyness
FROM (
    SELECT n, CAST(hash(n, 10, $seed) % 300 AS INTEGER)
        * CASE WHEN hash(n, 11, $seed) % 10 < 4 THEN 0 ELSE 1 END AS came_day
    FROM range($users) AS numbers(n)
) AS numbered;
----
INSERT INTO users BY NAME
SELECT
    user_id,
    TIMESTAMP '2025-01-06' + to_days(came_day)
        - to_days(CASE WHEN came_day = 0 THEN CAST(hash(n, 18, $seed) % 900 AS INTEGER) ELSE 0 END)
        AS signed_up_at,
    'User ' || n AS name, 'zh-CN' AS locale, 'Asia/Shanghai' AS timezone,
    'city ' || (hash(n, 19, $seed) % 40) AS city, 'web' AS channel
FROM people;
----
-- Sessions: five events on average, more in the evening, contents mostly of the user's own topic.
CREATE TEMP TABLE sessions AS
SELECT
    n, session,
    came_day * 86400.0 + (gone_day - came_day) * 86400.0
        * (hash(n, session, 20, $seed) % 100000000 / 100000000.0) AS start_s,
    1 + CAST(floor(-4.5 * ln((1 + hash(n, session, 21, $seed) % 100000) / 100001.0)) AS INTEGER)
        AS length
FROM (
    SELECT
        n, came_day, gone_day,
        unnest(range(CAST(ceil(busyness * $events / 5.0
            / (SELECT sum(busyness) FROM people)) AS INTEGER))) AS session
    FROM people
) AS visits;
----
-- each month
INSERT INTO events BY NAME
SELECT
    'e' || (n * 1000000 + session * 100 + place) AS event_id,
    'u' || lpad(CAST(n AS VARCHAR), 8, '0') AS user_id,
    TIMESTAMP '2025-01-06' + to_microseconds(CAST(moment_s * 1000000 AS BIGINT)) AS occurred_at,
    occurred_at + to_seconds(CASE WHEN draw % 50 = 0 THEN CAST(draw % 100000 AS INTEGER) ELSE 0 END)
        AS known_at,
    kind,
    CASE WHEN kind NOT IN ('app_open', 'search', 'cancel_page_viewed', 'login_failed') THEN
        'c' || lpad(CAST(CAST(floor(6000 * pow(
            (hash(n, session, place // 2, 31, $seed) % 1000000) / 1000000.0, 2.2)) AS INTEGER)
            AS VARCHAR), 6, '0') END AS content_id,
    CASE WHEN kind IN ('lesson_started', 'lesson_finished', 'audio_played', 'column_read')
        THEN CAST(10 + draw % 3590 AS DOUBLE) / 2 ELSE 0 END AS duration_s,
    CASE WHEN kind IN ('lesson_started', 'audio_played') THEN (draw % 1001) / 1000.0
        WHEN kind = 'purchase_viewed' THEN CAST(draw % 300 AS DOUBLE) END AS value,
    ['phone', 'phone', 'tablet', 'desktop'][1 + CAST(hash(n, session, 32, $seed) % 4 AS INTEGER)]
        AS device
FROM (
    SELECT
        n, session, place, start_s + place * 97.0 + draw % 90 AS moment_s, draw,
        CASE WHEN place = 0 THEN 'app_open' ELSE [
            'lesson_started', 'lesson_finished', 'lesson_started', 'lesson_finished',
            'audio_played', 'column_read', 'lesson_started', 'lesson_finished', 'audio_played',
            'search', 'favourite', 'note_written', 'share', 'purchase_viewed',
            'cancel_page_viewed', 'login_failed', 'live_joined', 'lesson_started',
            'audio_played', 'search'
        ][1 + CAST(draw % 20 AS INTEGER)] END AS kind
    FROM (
        SELECT n, session, start_s, place, hash(n, session, place, 33, $seed) AS draw
        FROM (
            SELECT n, session, start_s, unnest(range(length)) AS place
            FROM sessions
            WHERE start_s >= $from_day * 86400.0 AND start_s < $until_day * 86400.0
        ) AS places
    ) AS drawn
) AS acts
ORDER BY occurred_at, n;
----
INSERT INTO payments BY NAME
SELECT
    'p' || payment AS payment_id, user_id,
    TIMESTAMP '2025-01-06' + to_seconds(CAST(floor((came_day + (360 - came_day)
        * (hash(payment, 40, $seed) % 1000000 / 1000000.0)) * 86400) AS BIGINT)) AS occurred_at,
    occurred_at AS known_at,
    [9.9, 19.0, 25.5, 68.0, 199.0][1 + CAST(hash(payment, 41, $seed) % 5 AS INTEGER)] AS amount,
    'CNY' AS currency,
    CASE WHEN hash(payment, 42, $seed) % 100 < 90 THEN 'succeeded'
        WHEN hash(payment, 42, $seed) % 100 < 97 THEN 'failed' ELSE 'refunded' END AS status,
    CASE WHEN hash(payment, 43, $seed) % 3 = 0
        THEN 'c' || lpad(CAST(hash(payment, 44, $seed) % 6000 AS VARCHAR), 6, '0')
        ELSE ['monthly', 'quarterly', 'annual'][1 + CAST(hash(payment, 44, $seed) % 3 AS INTEGER)]
    END AS product,
    CASE WHEN hash(payment, 45, $seed) % 8 = 0 THEN 'SPRING' END AS coupon_code
FROM (
    SELECT payment, user_id, came_day
    FROM range($users * 5) AS numbers(payment)
    INNER JOIN people ON people.n = hash(payment, 46, $seed) % $users
) AS paying
ORDER BY occurred_at, payment;
----
INSERT INTO subscriptions BY NAME
SELECT
    's' || term AS subscription_id, user_id,
    ['monthly', 'quarterly', 'annual'][plan] AS plan,
    TIMESTAMP '2025-01-06' + to_days(CAST(floor(came_day + (360 - came_day)
        * (hash(term, 51, $seed) % 1000000 / 1000000.0)) AS INTEGER)) AS started_at,
    started_at + to_days([30, 90, 365][plan]) AS ends_at,
    CASE WHEN hash(term, 52, $seed) % 4 = 0
        THEN started_at + to_days(1 + CAST(hash(term, 53, $seed) % 28 AS INTEGER)) END
        AS cancelled_at,
    hash(term, 54, $seed) % 3 > 0 AS auto_renew,
    [25.0, 68.0, 199.0][plan] AS price, started_at AS known_at,
    hash(term, 55, $seed) % 20 = 0 AS trial,
    CASE WHEN hash(term, 56, $seed) % 30 = 0 THEN started_at + to_days(5) END AS paused_at,
    CASE WHEN hash(term, 56, $seed) % 60 = 0 THEN started_at + to_days(12) END AS resumes_at
FROM (
    SELECT
        term, user_id, came_day, 1 + CAST(hash(term, 50, $seed) % 3 AS INTEGER) AS plan
    FROM range($users * 3 // 2) AS numbers(term)
    INNER JOIN people ON people.n = hash(term, 57, $seed) % $users
) AS terms
ORDER BY started_at, term;
----
INSERT INTO messages BY NAME
SELECT
    'm' || message AS message_id, user_id,
    TIMESTAMP '2025-01-06' + to_seconds(CAST(floor((came_day + (360 - came_day)
        * (hash(message, 60, $seed) % 1000000 / 1000000.0)) * 86400) AS BIGINT)) AS occurred_at,
    occurred_at AS known_at,
    ['ticket', 'ticket', 'review', 'comment'][1 + CAST(hash(message, 61, $seed) % 4 AS INTEGER)]
        AS channel,
    'words' AS text,
    CASE WHEN hash(message, 62, $seed) % 2 = 0
        THEN CAST(1 + hash(message, 63, $seed) % 5 AS DOUBLE) END AS rating,
    'open' AS status,
    CASE WHEN hash(message, 64, $seed) % 3 > 0
        THEN occurred_at + to_hours(1 + CAST(hash(message, 65, $seed) % 300 AS INTEGER)) END
        AS resolved_at
FROM (
    SELECT message, user_id, came_day
    FROM range($users // 2) AS numbers(message)
    INNER JOIN people ON people.n = hash(message, 66, $seed) % $users
) AS writing
ORDER BY occurred_at, message;
