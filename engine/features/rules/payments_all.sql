-- Payments that count, within the bounds.
SELECT user_id, occurred_at
FROM payments
WHERE list_contains(CAST($statuses AS VARCHAR[]), status)
    AND {bounds}
