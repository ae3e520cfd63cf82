-- Some users pretend: one event a day, of a minute, in the last days before the cutoff.
CREATE TEMP TABLE events AS
SELECT * FROM loaded.events
UNION ALL BY NAME
SELECT
    'gamed ' || gamer.user_id || ' ' || days_ago.range AS event_id,
    gamer.user_id,
    CAST($cutoff AS TIMESTAMP) - to_days(CAST(days_ago.range AS INTEGER)) + to_hours(12) AS occurred_at,
    CAST($cutoff AS TIMESTAMP) - to_days(CAST(days_ago.range AS INTEGER)) + to_hours(12) AS known_at,
    $kind AS kind,
    CAST(60 AS DOUBLE) AS duration_s
FROM (SELECT unnest(CAST($users AS VARCHAR[])) AS user_id) AS gamer
CROSS JOIN range(1, CAST($days AS BIGINT) + 1) AS days_ago;
