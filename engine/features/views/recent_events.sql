-- The last 90 days, apart from the lifetime pass: the filtered aggregates then see fewer rows.
-- learns, finishes, …: what an event is, said once a row. day_quarter: 0 before 06:00 UTC … 3.
SELECT
    user_id, kind, content_id, device, age_s, duration_ms, progress_u, value_u,
    {learning} AS learns, {finished} AS finishes, {warm} AS warm, {searches} AS searches,
    {price_views} AS views_price, {cancel_views} AS views_exit, {login_failures} AS fails_login,
    3 - CAST(floor(CAST((age_s - 1) % 86400 AS DOUBLE) / CAST(21600 AS DOUBLE)) AS INTEGER)
        AS day_quarter
FROM known_events
WHERE age_s <= 7776000
