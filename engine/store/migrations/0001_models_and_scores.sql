-- Models and what they said. Facts are appended; a model's state is its last event.
CREATE TABLE model (
    model_id       VARCHAR PRIMARY KEY,
    created_at     TIMESTAMP NOT NULL,
    kind           VARCHAR NOT NULL,
    trained_until  TIMESTAMP NOT NULL,
    card           VARCHAR NOT NULL,          -- JSON of types.ModelCard
    artefact_sha256 VARCHAR NOT NULL
);
CREATE TABLE model_event (
    model_id   VARCHAR NOT NULL,
    happened_at TIMESTAMP NOT NULL,
    event      VARCHAR NOT NULL CHECK (event IN ('registered', 'promoted', 'retired')),
    actor      VARCHAR NOT NULL,
    sequence   BIGINT NOT NULL PRIMARY KEY    -- order of events, dense from 1
);
CREATE TABLE scoring_run (
    scoring_run_id VARCHAR PRIMARY KEY,
    model_id       VARCHAR NOT NULL,
    cutoff         TIMESTAMP NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    users          BIGINT NOT NULL,
    value_at_risk  DOUBLE NOT NULL,
    currency       VARCHAR NOT NULL,
    by_band        VARCHAR NOT NULL           -- JSON: band -> users
);
-- Stored in rank order, so that the default view of a million users is a range of rows.
CREATE TABLE score (
    scoring_run_id VARCHAR NOT NULL,
    rank           BIGINT NOT NULL,
    user_id        VARCHAR NOT NULL,
    risk           DOUBLE NOT NULL,
    band           VARCHAR NOT NULL,
    value          DOUBLE NOT NULL,           -- expected margin over the value horizon
    value_at_risk  DOUBLE NOT NULL,
    segment        VARCHAR NOT NULL,
    last_active_at TIMESTAMP,
    log_odds       DOUBLE NOT NULL,
    baseline_log_odds DOUBLE NOT NULL,
    reason_group   VARCHAR NOT NULL,          -- first reason, for filters and the list
    reason_zh      VARCHAR NOT NULL,
    reason_en      VARCHAR NOT NULL,
    reasons        VARCHAR NOT NULL,          -- JSON list of types.Reason, as shown
    remainder      DOUBLE NOT NULL
);
