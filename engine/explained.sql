-- What a scoring run tells of each row of its frame, before it is ranked.
CREATE TABLE explained (
    row BIGINT NOT NULL, user_id VARCHAR NOT NULL, risk DOUBLE NOT NULL, segment VARCHAR NOT NULL,
    log_odds DOUBLE NOT NULL, baseline_log_odds DOUBLE NOT NULL,
    reason_group VARCHAR NOT NULL, reason_zh VARCHAR NOT NULL, reason_en VARCHAR NOT NULL,
    reasons VARCHAR NOT NULL, remainder DOUBLE NOT NULL
);
