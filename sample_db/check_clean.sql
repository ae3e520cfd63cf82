-- The sample's tables without the rows that a loader would put aside. Variable: folder.
CREATE TABLE ok_users AS
SELECT * FROM read_parquet(getvariable('folder') || '/users.parquet') WHERE user_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY user_id) = 1;

CREATE TABLE ok_contents AS FROM read_parquet(getvariable('folder') || '/contents.parquet');

CREATE TABLE ok_events AS
SELECT e.* FROM read_parquet(getvariable('folder') || '/events.parquet') e
SEMI JOIN ok_users USING (user_id)
WHERE known_at >= occurred_at AND coalesce(duration_s, 0) >= 0
  AND occurred_at < DATE '2090-01-01'
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY known_at) = 1;

CREATE TABLE ok_payments AS
SELECT p.* FROM read_parquet(getvariable('folder') || '/payments.parquet') p
SEMI JOIN ok_users USING (user_id)
WHERE status IN ('succeeded', 'failed', 'refunded') AND amount >= 0
QUALIFY row_number() OVER (PARTITION BY payment_id ORDER BY known_at) = 1;

CREATE TABLE ok_terms AS
SELECT s.* FROM read_parquet(getvariable('folder') || '/subscriptions.parquet') s
SEMI JOIN ok_users USING (user_id) WHERE ends_at > started_at;

CREATE TABLE ok_messages AS
SELECT m.* FROM read_parquet(getvariable('folder') || '/messages.parquet') m
SEMI JOIN ok_users USING (user_id) WHERE coalesce(rating, 1) BETWEEN 1 AND 5;

CREATE VIEW truth_hazard AS
FROM read_parquet(getvariable('folder') || '/truth/hazard.parquet');
CREATE VIEW truth_effects AS
FROM read_parquet(getvariable('folder') || '/truth/effects.parquet');
CREATE VIEW past_interventions AS
FROM read_parquet(getvariable('folder') || '/interventions.parquet');
