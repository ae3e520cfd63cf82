-- Behaviour data: the contract (canonical names), made anew or carried on by every load. All times are naive UTC.
-- known_at: when the row could first be seen; it bounds every feature.
CREATE OR REPLACE TABLE users (
    user_id VARCHAR NOT NULL, signed_up_at TIMESTAMP, name VARCHAR, email VARCHAR, phone VARCHAR,
    locale VARCHAR, timezone VARCHAR, city VARCHAR, channel VARCHAR,
    marketing_consent BOOLEAN, personalisation_allowed BOOLEAN, attributes VARCHAR
);
CREATE OR REPLACE TABLE user_sensitive (user_id VARCHAR NOT NULL, gender VARCHAR, birth_year INTEGER);
CREATE OR REPLACE TABLE events (
    event_id VARCHAR NOT NULL, user_id VARCHAR NOT NULL, occurred_at TIMESTAMP NOT NULL,
    known_at TIMESTAMP NOT NULL, kind VARCHAR NOT NULL, content_id VARCHAR,
    duration_s DOUBLE, value DOUBLE, device VARCHAR
);
CREATE OR REPLACE TABLE payments (
    payment_id VARCHAR NOT NULL, user_id VARCHAR NOT NULL, occurred_at TIMESTAMP NOT NULL,
    known_at TIMESTAMP NOT NULL, amount DOUBLE NOT NULL, currency VARCHAR,
    status VARCHAR NOT NULL, product VARCHAR, coupon_code VARCHAR
);
CREATE OR REPLACE TABLE subscriptions (
    subscription_id VARCHAR NOT NULL, user_id VARCHAR NOT NULL, plan VARCHAR,
    started_at TIMESTAMP NOT NULL, ends_at TIMESTAMP, cancelled_at TIMESTAMP,
    auto_renew BOOLEAN, price DOUBLE, known_at TIMESTAMP NOT NULL,
    trial BOOLEAN, paused_at TIMESTAMP, resumes_at TIMESTAMP
);
CREATE OR REPLACE TABLE contents (
    content_id VARCHAR NOT NULL, title VARCHAR, topic VARCHAR, author VARCHAR, format VARCHAR,
    minutes DOUBLE, price DOUBLE, published_at TIMESTAMP, description VARCHAR
);
CREATE OR REPLACE TABLE messages (
    message_id VARCHAR NOT NULL, user_id VARCHAR NOT NULL, occurred_at TIMESTAMP NOT NULL,
    known_at TIMESTAMP NOT NULL, channel VARCHAR NOT NULL, text VARCHAR, rating DOUBLE,
    status VARCHAR, resolved_at TIMESTAMP
);
CREATE OR REPLACE TABLE outcomes (user_id VARCHAR NOT NULL, label INTEGER NOT NULL, as_of TIMESTAMP);
-- What the mapping says of single keys of users.attributes, as JSON.
CREATE OR REPLACE TABLE attribute_note (name VARCHAR NOT NULL, note VARCHAR NOT NULL);
-- What a user pays every `days` days by an attribute; used where no payment or term says so.
CREATE OR REPLACE TABLE usual_charge (
    user_id VARCHAR NOT NULL, amount DOUBLE NOT NULL, days INTEGER NOT NULL
);
-- What was refused or noted by the loads that the present rows come from; load_id: which one.
CREATE OR REPLACE TABLE quarantine (
    table_name VARCHAR NOT NULL, reason VARCHAR NOT NULL, row_json VARCHAR NOT NULL,
    load_id INTEGER NOT NULL
);
-- Rows of a table by the day on which they happened; late: known more than a day afterwards.
CREATE OR REPLACE TABLE daily_rows (
    table_name VARCHAR NOT NULL, day DATE NOT NULL, rows BIGINT NOT NULL, late BIGINT NOT NULL
);
-- What was first known on a day, as an order-free digest: two databases whose digests agree on all
-- days before a midnight give the same features at that cutoff. What a row learns later (a
-- cancellation, a solution, a pause) counts on the day on which it was learnt; NULL: no time axis.
CREATE OR REPLACE TABLE known_digest (
    table_name VARCHAR NOT NULL, known_day DATE, rows BIGINT NOT NULL, digest VARCHAR NOT NULL
);
-- One row: what the mapping says of the business, and when and from what the data were loaded.
CREATE OR REPLACE TABLE load_run (
    loaded_at TIMESTAMP NOT NULL, as_of TIMESTAMP NOT NULL, first_at TIMESTAMP NOT NULL,
    mapping VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, currency VARCHAR NOT NULL,
    timezone VARCHAR NOT NULL, churn_rule VARCHAR NOT NULL, report VARCHAR NOT NULL
);
-- Every load, the newest last.
CREATE OR REPLACE TABLE load_history (
    load_id INTEGER NOT NULL, loaded_at TIMESTAMP NOT NULL, as_of TIMESTAMP NOT NULL,
    mapping VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, report VARCHAR NOT NULL
);
