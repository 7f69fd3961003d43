-- An order that the seats refused because its member has enough already never had the hold: whoever
-- gives some of the seats back may order the rest.
ALTER TABLE pay.orders DROP CONSTRAINT orders_event_hold_key;
CREATE UNIQUE INDEX orders_hold ON pay.orders (event, hold)
    WHERE cause IS DISTINCT FROM 'buyer-limit';
