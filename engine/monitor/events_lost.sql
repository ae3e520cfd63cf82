-- One event and one payment in twenty never arrived.
CREATE TEMP TABLE events AS
SELECT * FROM loaded.events WHERE hash(event_id || $salt) % 20 <> 0;
CREATE TEMP TABLE payments AS
SELECT * FROM loaded.payments WHERE hash(payment_id || $salt) % 20 <> 0;
