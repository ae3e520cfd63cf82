-- Interventions: what was decided for whom, and why. Decisions are immutable rows; what happened to
-- them afterwards is appended to delivery_event, and the outcome is set once.
CREATE TABLE campaign (
    campaign_id VARCHAR PRIMARY KEY,
    name        VARCHAR NOT NULL UNIQUE,
    created_at  TIMESTAMP NOT NULL,
    operator    VARCHAR NOT NULL,
    source      VARCHAR NOT NULL CHECK (source IN ('plan', 'import'))
);
CREATE TABLE plan (
    plan_id         VARCHAR PRIMARY KEY,
    campaign_id     VARCHAR NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    operator        VARCHAR NOT NULL,
    not_after       TIMESTAMP NOT NULL,       -- a message that is late says something else
    request         VARCHAR NOT NULL,         -- JSON of types.PlanRequest, without the user ids
    gates           VARCHAR NOT NULL,         -- JSON list of types.GateCount, as shown
    to_send         BIGINT NOT NULL,
    held_out        BIGINT NOT NULL,
    worst_case_cost DOUBLE NOT NULL,
    currency        VARCHAR NOT NULL
);
CREATE TABLE plan_event (
    plan_id     VARCHAR NOT NULL,
    seq         INTEGER NOT NULL,             -- dense from 1 within the plan
    status      VARCHAR NOT NULL CHECK (status IN ('pending_approval', 'approved', 'sent', 'cancelled')),
    reason      VARCHAR NOT NULL,
    operator    VARCHAR NOT NULL,
    happened_at TIMESTAMP NOT NULL,
    PRIMARY KEY (plan_id, seq)
);
-- One row per user and planned action, held-out, suppressed and capped ones included.
CREATE TABLE intervention (
    intervention_id   VARCHAR PRIMARY KEY,
    campaign_id       VARCHAR NOT NULL,
    plan_id           VARCHAR NOT NULL,       -- '' for an imported row
    user_id           VARCHAR NOT NULL,
    step_no           INTEGER NOT NULL,
    decided_at        TIMESTAMP NOT NULL,
    operator          VARCHAR NOT NULL,
    arm               VARCHAR NOT NULL CHECK (arm IN ('treat', 'holdout', 'none')),
    propensity        DOUBLE NOT NULL,        -- probability with which `arm` was drawn
    p_by_arm          VARCHAR NOT NULL,       -- JSON object: arm -> probability
    draw              VARCHAR NOT NULL,       -- salt of the draw; '' where nothing was drawn
    salt_epoch        VARCHAR NOT NULL,
    position          INTEGER NOT NULL,       -- in the order of the candidates, from 1
    eligible_set_size INTEGER NOT NULL,       -- how many stood before the draw of the arms
    action_set        VARCHAR NOT NULL,       -- JSON list: templates that could have been chosen
    model_id          VARCHAR,
    scoring_run_id    VARCHAR,
    cutoff            TIMESTAMP,
    risk              DOUBLE,
    value             DOUBLE,
    reasons           VARCHAR NOT NULL,       -- JSON list of types.Reason, as shown
    reason_groups     VARCHAR NOT NULL,       -- JSON list, most important first
    features_sha256   VARCHAR,
    template_id       VARCHAR NOT NULL,
    template_version  VARCHAR NOT NULL,
    message_class     VARCHAR NOT NULL CHECK (message_class IN ('marketing', 'transactional')),
    locale            VARCHAR NOT NULL,
    channel           VARCHAR NOT NULL,
    variables         VARCHAR NOT NULL,       -- JSON: what the text says of the user, name left out
    subject_sha256    VARCHAR,
    rendered_sha256   VARCHAR,
    offer_percent     DOUBLE NOT NULL,
    offer_valid_until DATE,
    expected_cost     DOUBLE NOT NULL,        -- worst case: the offer is redeemed
    currency          VARCHAR NOT NULL,
    window_start      TIMESTAMP NOT NULL,
    window_end        TIMESTAMP NOT NULL,
    imported_sent_at  TIMESTAMP,              -- from a past log; ours is in delivery_event
    UNIQUE (campaign_id, user_id, step_no)
);
-- The delivery axis only: see interventions.py for the transitions.
CREATE TABLE delivery_event (
    intervention_id VARCHAR NOT NULL,
    seq             INTEGER NOT NULL,         -- dense from 1 within the intervention
    status          VARCHAR NOT NULL,
    reason          VARCHAR NOT NULL,
    happened_at     TIMESTAMP NOT NULL,
    operator        VARCHAR NOT NULL,
    rendered_sha256 VARCHAR,                  -- what an approval is bound to
    message_id      VARCHAR,
    PRIMARY KEY (intervention_id, seq)
);
CREATE TABLE outcome (
    intervention_id VARCHAR PRIMARY KEY,
    outcome         VARCHAR NOT NULL CHECK (outcome IN ('retained', 'churned', 'converted', 'censored')),
    decided_by      VARCHAR NOT NULL,         -- the churn rule, or 'import'
    closed_at       TIMESTAMP NOT NULL,
    as_of           TIMESTAMP NOT NULL
);
-- Who must not be written to. A row is lifted by a later row of the same scope with reason 'lifted'.
CREATE TABLE suppression (
    suppression_id VARCHAR PRIMARY KEY,
    user_id        VARCHAR NOT NULL,
    scope          VARCHAR NOT NULL CHECK (scope IN ('all', 'marketing')),
    reason         VARCHAR NOT NULL CHECK (reason IN ('erased', 'do_not_contact', 'complaint',
                       'hard_bounce', 'unsubscribed', 'lifted')),
    comment        VARCHAR NOT NULL,
    source         VARCHAR NOT NULL,
    operator       VARCHAR NOT NULL,
    happened_at    TIMESTAMP NOT NULL
);
CREATE TABLE note (
    note_id     VARCHAR PRIMARY KEY,
    user_id     VARCHAR NOT NULL,
    text        VARCHAR NOT NULL,
    operator    VARCHAR NOT NULL,
    happened_at TIMESTAMP NOT NULL
);
-- Append-only and chained: each row's hash covers the hash before it.
CREATE TABLE audit (
    seq         BIGINT PRIMARY KEY,
    happened_at TIMESTAMP NOT NULL,
    operator    VARCHAR NOT NULL,
    action      VARCHAR NOT NULL,
    object      VARCHAR NOT NULL,
    detail      VARCHAR NOT NULL,             -- JSON, keys sorted
    prev_hash   VARCHAR NOT NULL,
    row_hash    VARCHAR NOT NULL
);
CREATE VIEW intervention_status AS
SELECT intervention_id, seq, status, reason, happened_at, operator, rendered_sha256
FROM (
    SELECT *, row_number() OVER (PARTITION BY intervention_id ORDER BY seq DESC) AS newest
    FROM delivery_event
) AS ranked
WHERE newest = 1;
CREATE VIEW intervention_sent AS
SELECT intervention_id, min(happened_at) AS sent_at, min(message_id) AS message_id
FROM delivery_event
WHERE status = 'sent'
GROUP BY intervention_id;
CREATE VIEW plan_status AS
SELECT plan_id, seq, status, reason, happened_at, operator
FROM (
    SELECT *, row_number() OVER (PARTITION BY plan_id ORDER BY seq DESC) AS newest
    FROM plan_event
) AS ranked
WHERE newest = 1;
CREATE VIEW standing_suppression AS
SELECT user_id, scope, reason, happened_at
FROM (
    SELECT *, row_number() OVER (
        PARTITION BY user_id, scope ORDER BY happened_at DESC, suppression_id DESC) AS newest
    FROM suppression
) AS ranked
WHERE newest = 1 AND reason <> 'lifted';
