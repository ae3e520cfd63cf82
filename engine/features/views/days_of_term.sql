-- Active days (of the last 180) since the running term began, with the term's own age in days.
SELECT
    newest_term.user_id, active_days.day,
    CAST(least(floor(CAST(newest_term.started_age_s - 1 AS DOUBLE) / CAST(86400 AS DOUBLE)), 179)
        AS INTEGER) + 1 AS term_days
FROM newest_term
LEFT JOIN active_days
    ON active_days.user_id = newest_term.user_id
    AND active_days.day * 86400 < newest_term.started_age_s
WHERE newest_term.running
