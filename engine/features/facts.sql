-- What the loaded data have: features whose facts are missing would be constant columns.
SELECT 'users:signed_up_at' AS fact WHERE EXISTS (SELECT 1 FROM users WHERE signed_up_at IS NOT NULL)
UNION ALL SELECT 'events' WHERE EXISTS (SELECT 1 FROM events)
UNION ALL SELECT 'events:duration' WHERE EXISTS (SELECT 1 FROM events WHERE duration_s > 0)
UNION ALL SELECT 'events:device'
    WHERE EXISTS (SELECT 1 FROM events WHERE device <> (SELECT min(device) FROM events))
UNION ALL SELECT 'events:kind'
    WHERE EXISTS (SELECT 1 FROM events WHERE kind <> (SELECT min(kind) FROM events))
UNION ALL SELECT 'events:value'
    WHERE EXISTS (SELECT 1 FROM events WHERE value IS NOT NULL AND NOT {learning})
UNION ALL SELECT 'events:year'
    WHERE EXISTS (
        SELECT 1 FROM events
        HAVING date_diff('day', CAST(min(occurred_at) AS DATE), CAST(max(occurred_at) AS DATE)) > 393
    )
UNION ALL SELECT 'events:content'
    WHERE EXISTS (SELECT 1 FROM events WHERE content_id IS NOT NULL AND {learning})
UNION ALL SELECT 'events:learning' WHERE EXISTS (SELECT 1 FROM events WHERE {learning})
UNION ALL SELECT 'events:finished' WHERE EXISTS (SELECT 1 FROM events WHERE {finished})
UNION ALL SELECT 'events:progress'
    WHERE EXISTS (SELECT 1 FROM events WHERE {learning} AND value > 0 AND value < 1)
UNION ALL SELECT 'events:warm' WHERE EXISTS (SELECT 1 FROM events WHERE {warm})
UNION ALL SELECT 'events:search' WHERE EXISTS (SELECT 1 FROM events WHERE {searches})
UNION ALL SELECT 'events:cancel_page' WHERE EXISTS (SELECT 1 FROM events WHERE {cancel_views})
UNION ALL SELECT 'events:price_page' WHERE EXISTS (SELECT 1 FROM events WHERE {price_views})
UNION ALL SELECT 'events:login_failed' WHERE EXISTS (SELECT 1 FROM events WHERE {login_failures})
UNION ALL SELECT 'payments' WHERE EXISTS (SELECT 1 FROM payments WHERE status = 'succeeded')
UNION ALL SELECT 'payments:year'
    WHERE EXISTS (
        SELECT 1 FROM payments
        HAVING date_diff('day', CAST(min(occurred_at) AS DATE), CAST(max(occurred_at) AS DATE)) > 455
    )
UNION ALL SELECT 'payments:failed' WHERE EXISTS (SELECT 1 FROM payments WHERE status = 'failed')
UNION ALL SELECT 'payments:refunded' WHERE EXISTS (SELECT 1 FROM payments WHERE status = 'refunded')
UNION ALL SELECT 'payments:coupon' WHERE EXISTS (SELECT 1 FROM payments WHERE coupon_code IS NOT NULL)
UNION ALL SELECT 'payments:product'
    WHERE EXISTS (SELECT 1 FROM payments AS a WHERE product <> (SELECT min(product) FROM payments))
UNION ALL SELECT 'payments:lines'
    WHERE EXISTS (
        SELECT 1 FROM payments WHERE status = 'succeeded'
        GROUP BY user_id, CAST(occurred_at AS DATE) HAVING count(*) > 1
    )
UNION ALL SELECT 'payments:content'
    WHERE EXISTS (
        SELECT 1 FROM payments
        WHERE product IN (SELECT content_id FROM contents)
            OR product IN (SELECT 'title:' || content_id FROM contents)
    )
UNION ALL SELECT 'subscriptions' WHERE EXISTS (SELECT 1 FROM subscriptions)
UNION ALL SELECT 'subscriptions:auto_renew'
    WHERE EXISTS (SELECT 1 FROM subscriptions WHERE auto_renew IS NOT NULL)
UNION ALL SELECT 'subscriptions:price' WHERE EXISTS (SELECT 1 FROM subscriptions WHERE price > 0)
UNION ALL SELECT 'subscriptions:cancelled'
    WHERE EXISTS (SELECT 1 FROM subscriptions WHERE cancelled_at IS NOT NULL)
UNION ALL SELECT 'subscriptions:plan'
    WHERE EXISTS (
        SELECT 1 FROM subscriptions WHERE plan <> (SELECT min(plan) FROM subscriptions)
    )
UNION ALL SELECT 'subscriptions:trial' WHERE EXISTS (SELECT 1 FROM subscriptions WHERE trial)
UNION ALL SELECT 'subscriptions:paused'
    WHERE EXISTS (SELECT 1 FROM subscriptions WHERE paused_at IS NOT NULL)
UNION ALL SELECT 'contents' WHERE EXISTS (SELECT 1 FROM contents WHERE topic IS NOT NULL)
UNION ALL SELECT 'contents:author' WHERE EXISTS (SELECT 1 FROM contents WHERE author IS NOT NULL)
UNION ALL SELECT 'contents:format' WHERE EXISTS (SELECT 1 FROM contents WHERE format IS NOT NULL)
UNION ALL SELECT 'contents:published'
    WHERE EXISTS (SELECT 1 FROM contents WHERE published_at IS NOT NULL)
UNION ALL SELECT 'messages:ticket' WHERE EXISTS (SELECT 1 FROM messages WHERE channel = 'ticket')
UNION ALL SELECT 'messages:resolved'
    WHERE EXISTS (SELECT 1 FROM messages WHERE channel = 'ticket' AND resolved_at IS NOT NULL)
UNION ALL SELECT 'messages:review' WHERE EXISTS (SELECT 1 FROM messages WHERE channel = 'review')
UNION ALL SELECT 'messages:comment' WHERE EXISTS (SELECT 1 FROM messages WHERE channel = 'comment')
UNION ALL SELECT 'messages:rating' WHERE EXISTS (SELECT 1 FROM messages WHERE rating IS NOT NULL)
