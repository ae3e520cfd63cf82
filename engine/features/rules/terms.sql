-- Subscriptions as they stood for whoever knew what was known before {moment}. A term stops at its
-- paid-through date; a pause carries it at least to where the pause ends (open: without end), a
-- cancellation ends the pause, a refund ends the term. paused_until: NULL without a pause.
SELECT
    user_id, subscription_id, started_at, trial, paused_from, paused_until, refunded_at,
    least(greatest(paid_through, coalesce(paused_until, paid_through)),
        coalesce(refunded_at, CAST('9999-12-31' AS TIMESTAMP))) AS stops_at
FROM (
    SELECT
        term.user_id, term.subscription_id, term.started_at,
        coalesce(term.trial, FALSE) AS trial,
        coalesce(term.ends_at, CAST('9999-12-31' AS TIMESTAMP)) AS paid_through,
        refund.refunded_at,
        CASE WHEN term.paused_at < {moment}
                AND (term.ends_at IS NULL OR term.paused_at < term.ends_at)
            THEN term.paused_at END AS paused_from,
        CASE WHEN term.paused_at < {moment}
                AND (term.ends_at IS NULL OR term.paused_at < term.ends_at)
            THEN least(
                CASE WHEN term.resumes_at < {moment} THEN term.resumes_at
                    ELSE CAST('9999-12-31' AS TIMESTAMP) END,
                CASE WHEN term.cancelled_at > term.paused_at AND term.cancelled_at < {moment}
                    THEN term.cancelled_at ELSE CAST('9999-12-31' AS TIMESTAMP) END
            ) END AS paused_until
    FROM subscriptions AS term
    LEFT JOIN (
{refunds}
    ) AS refund ON refund.subscription_id = term.subscription_id
    WHERE term.known_at < {moment}
) AS learnt
