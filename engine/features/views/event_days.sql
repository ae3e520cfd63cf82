-- One row per user and day with an event in the last 180 days: every window of whole days is a sum
-- over these few rows. day = whole days before the cutoff (0: the last one); learned, finished, …:
-- how many events were of that meaning; quarter_0: events before 06:00 UTC … quarter_3.
SELECT
    user_id, day, count(*) AS events,
    count(*) FILTER (WHERE {learning}) AS learned, count(*) FILTER (WHERE {finished}) AS finished,
    count(*) FILTER (WHERE {warm}) AS warm, count(*) FILTER (WHERE {searches}) AS searches,
    count(*) FILTER (WHERE {price_views}) AS price_views,
    count(*) FILTER (WHERE {cancel_views}) AS cancel_views,
    min(age_s) FILTER (WHERE {cancel_views}) AS cancel_view_age_s,
    count(*) FILTER (WHERE {login_failures}) AS failed_logins,
    CAST(sum(duration_ms) AS BIGINT) AS duration_ms,
    CAST(sum(progress_u) AS BIGINT) AS progress_u, count(progress_u) AS progress_events,
    sum(value_u) AS value_u, count(value_u) AS value_events, min(value_u) AS lowest_value_u,
    count(*) FILTER (WHERE second_back >= 64800) AS quarter_0,
    count(*) FILTER (WHERE second_back >= 43200 AND second_back < 64800) AS quarter_1,
    count(*) FILTER (WHERE second_back >= 21600 AND second_back < 43200) AS quarter_2,
    count(*) FILTER (WHERE second_back < 21600) AS quarter_3
FROM (
    SELECT
        user_id, kind, age_s, duration_ms, progress_u, value_u,
        CAST(floor(CAST(age_s - 1 AS DOUBLE) / CAST(86400 AS DOUBLE)) AS INTEGER) AS day,
        (age_s - 1) % 86400 AS second_back
    FROM known_events
    WHERE age_s <= 15552000
) AS dated
GROUP BY user_id, day
