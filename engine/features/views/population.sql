-- Everyone who had signed up before the cutoff; a churn rule narrows this to its eligible users.
SELECT user_id FROM users WHERE signed_up_at IS NULL OR signed_up_at < {cutoff}
