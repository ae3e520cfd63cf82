-- One row per user of the population. Only what cannot change after the sign-up is read.
SELECT user_id, {signed_up_age_s} AS tenure_s
FROM users
WHERE user_id IN (SELECT user_id FROM population)
