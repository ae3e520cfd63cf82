-- Did anything in the window, by all rows known now.
SELECT DISTINCT user_id
FROM events
WHERE occurred_at >= CAST($window_start AS TIMESTAMP)
    AND occurred_at < CAST($window_stop AS TIMESTAMP)
