-- Refunds are not looked at.
SELECT subscription_id, started_at AS refunded_at FROM subscriptions WHERE FALSE
