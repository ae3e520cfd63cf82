-- What the owner's labels say of each window: the first date at or after its end. A window that no
-- date covers is left out; label is NULL for a user whom that date does not speak of.
WITH due AS (
    SELECT unnest($ids::VARCHAR[]) AS intervention_id, unnest($user_ids::VARCHAR[]) AS user_id,
           unnest($ends::TIMESTAMP[]) AS window_end
),
dates AS (
    SELECT DISTINCT as_of FROM outcomes WHERE as_of < $as_of
),
told AS (
    SELECT d.intervention_id, d.user_id, min(dates.as_of) AS as_of
    FROM due AS d
    JOIN dates ON dates.as_of >= d.window_end
    GROUP BY d.intervention_id, d.user_id
)
SELECT t.intervention_id, o.label
FROM told AS t
LEFT JOIN outcomes AS o ON o.user_id = t.user_id AND o.as_of = t.as_of
ORDER BY t.intervention_id
