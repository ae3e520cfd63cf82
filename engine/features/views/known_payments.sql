-- Payments of the population known before the cutoff. Amounts are whole ten-thousandths of the
-- currency unit, cut at a trillion: integer sums do not depend on the order of the rows.
-- newest = 1 marks the last attempt (and the last refund); success_age_s = age of the last success,
-- the same in every attempt of a user, missing in refunds.
SELECT
    user_id, product, status, age_s, amount_u, coupon_code,
    row_number() OVER (
        PARTITION BY user_id, status <> 'refunded' ORDER BY age_s ASC, payment_id ASC
    ) AS newest,
    min(CASE WHEN status = 'succeeded' THEN age_s END)
        OVER (PARTITION BY user_id, status <> 'refunded') AS success_age_s
FROM (
    SELECT
        user_id, payment_id, product, status, coupon_code, {age_s} AS age_s,
        CAST(round(least(greatest(amount, 0), 1000000000000) * 10000) AS BIGINT) AS amount_u
    FROM payments
    WHERE known_at < {cutoff} AND occurred_at < {cutoff}
        AND user_id IN (SELECT user_id FROM population)
) AS payments_then
