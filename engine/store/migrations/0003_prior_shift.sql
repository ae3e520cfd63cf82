-- How a scoring run moved the log-odds to the newest base rate; NULL: not at all.
ALTER TABLE scoring_run ADD COLUMN prior_shift VARCHAR; -- JSON of calibrated.PriorShift
