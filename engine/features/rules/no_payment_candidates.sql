-- Paid in [active_since, cutoff), by rows known before the cutoff.
SELECT user_id
FROM (
{payments_lately}
) AS paid
