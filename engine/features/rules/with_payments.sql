    AND user_id IN (
        SELECT user_id
        FROM (
{payments}
        ) AS paid_before
        GROUP BY user_id
        HAVING count(*) >= $minimum_payments
    )
