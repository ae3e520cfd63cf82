-- Profile and present subscription of one user.
SELECT
    u.user_id, u.name, u.email, u.channel, u.city, u.locale, u.signed_up_at, u.marketing_consent,
    s.plan, s.ends_at, CASE WHEN s.cancelled_at IS NULL THEN s.auto_renew ELSE FALSE END
FROM users u
LEFT JOIN (
    SELECT * FROM subscriptions WHERE user_id = $user_id
    ORDER BY started_at DESC, subscription_id DESC LIMIT 1
) s USING (user_id)
WHERE u.user_id = $user_id
