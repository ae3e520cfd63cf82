-- One row per user and day with an event in the last 90 days: every window of whole days is a sum
-- over these few rows. day = whole days before the cutoff (0: the last one); learned, finished, …:
-- how many events were of that meaning; quarter_0: events before 06:00 UTC … quarter_3. Durations
-- are whole milliseconds, at most a day: integer sums do not depend on the order in which threads
-- add. progress_u: the shares of items that were played, in thousandths, where a learning event's
-- value says so; value_u: the values of all other events (usage, a balance), in thousandths.
SELECT
    user_id, day, count(*) AS events,
    count(*) FILTER (WHERE learns) AS learned, count(*) FILTER (WHERE finishes) AS finished,
    count(*) FILTER (WHERE warms) AS warm, count(*) FILTER (WHERE seeks) AS searches,
    count(*) FILTER (WHERE asks_price) AS price_views,
    count(*) FILTER (WHERE asks_exit) AS cancel_views,
    min(age_s) FILTER (WHERE asks_exit) AS cancel_view_age_s,
    count(*) FILTER (WHERE fails_login) AS failed_logins,
    CAST(sum(duration_ms) AS BIGINT) AS duration_ms,
    CAST(sum(progress_u) AS BIGINT) AS progress_u, count(progress_u) AS progress_events,
    sum(value_u) AS value_u, count(value_u) AS value_events, min(value_u) AS lowest_value_u,
    count(*) FILTER (WHERE second_back >= 64800) AS quarter_0,
    count(*) FILTER (WHERE second_back >= 43200 AND second_back < 64800) AS quarter_1,
    count(*) FILTER (WHERE second_back >= 21600 AND second_back < 43200) AS quarter_2,
    count(*) FILTER (WHERE second_back < 21600) AS quarter_3
FROM (
    SELECT
        user_id, learns, finishes, warms, seeks, asks_price, asks_exit, fails_login, age_s,
        CAST(floor(CAST(age_s - 1 AS DOUBLE) / CAST(86400 AS DOUBLE)) AS INTEGER) AS day,
        (age_s - 1) % 86400 AS second_back,
        CAST(round(least(greatest(coalesce(duration_s, 0), 0), 86400) * 1000) AS BIGINT)
            AS duration_ms,
        CASE WHEN learns AND value BETWEEN 0 AND 1
            THEN CAST(round(value * 1000) AS BIGINT) END AS progress_u,
        CASE WHEN NOT coalesce(learns, FALSE) AND value IS NOT NULL THEN CAST(
            round(least(greatest(value, -1000000000000), 1000000000000) * 1000) AS BIGINT)
        END AS value_u
    FROM known_events
    LEFT JOIN meanings ON meanings.kind = known_events.kind
    WHERE age_s <= 7776000
) AS dated
GROUP BY user_id, day
