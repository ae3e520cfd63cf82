-- Facts of one user in $step that say again what another says: alike in everything but the key.
-- Times without minutes are dates: of a whole day, alike facts are no surprise.
WITH alike AS (
    SELECT count(*) AS rows FROM events
    WHERE hash(user_id) % CAST($step AS UBIGINT) = 0 AND occurred_at <> date_trunc('hour', occurred_at)
    GROUP BY user_id, occurred_at, kind, content_id, duration_s, value, device
    UNION ALL
    SELECT count(*) FROM payments
    WHERE hash(user_id) % CAST($step AS UBIGINT) = 0 AND occurred_at <> date_trunc('hour', occurred_at)
    GROUP BY user_id, occurred_at, amount, currency, status, product
    UNION ALL
    SELECT count(*) FROM messages
    WHERE hash(user_id) % CAST($step AS UBIGINT) = 0 AND occurred_at <> date_trunc('hour', occurred_at)
    GROUP BY user_id, occurred_at, channel, text, rating
)
SELECT coalesce(sum(rows), 0), coalesce(sum(rows - 1), 0) FROM alike
