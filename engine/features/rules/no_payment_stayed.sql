-- Paid in the window or the grace after it, or is on pause.
SELECT user_id
FROM (
{payments_later}
) AS paid
UNION
{on_pause}
