-- A term runs at the cutoff, or stopped so lately that the grace is not over and no refund ended it.
SELECT user_id
FROM (
{terms}
) AS terms
WHERE {counted}
    AND {unpaused}
    AND started_at < CAST($cutoff AS TIMESTAMP)
    AND stops_at > CASE WHEN refunded_at IS NULL
        THEN CAST($running_since AS TIMESTAMP) ELSE CAST($cutoff AS TIMESTAMP) END
