-- Events by hour of the day (UTC); on_the_hour: those that carry no minutes, as dates do.
SELECT hour(occurred_at) AS hour, count(*) AS rows,
    count(*) FILTER (occurred_at = date_trunc('hour', occurred_at)) AS on_the_hour
FROM events GROUP BY hour ORDER BY hour
