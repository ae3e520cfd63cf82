-- Events of the population that were known before the cutoff, as they are: what costs something to
-- work out is worked out where it is needed, since every pass over the events would pay for it.
SELECT user_id, kind, content_id, device, {age_s} AS age_s, duration_s, value
FROM events
WHERE known_at < {cutoff} AND occurred_at < {cutoff}
    AND user_id IN (SELECT user_id FROM population)
