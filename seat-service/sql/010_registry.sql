-- 010_registry.sql: where an event's seats are: beside the owner's name and epoch, how the others inside
-- reach it. Written by the statement that raises the epoch, so an address is never another epoch's.

ALTER TABLE owner ADD COLUMN address text NOT NULL DEFAULT '',
    ADD COLUMN private_address text NOT NULL DEFAULT '';

COMMENT ON COLUMN owner.address IS 'HOST:PORT of the listener for visitors; empty: not told';
COMMENT ON COLUMN owner.private_address IS 'HOST:PORT of the private listener; empty: not told';

-- For people and for programs of others.
CREATE VIEW registry AS
SELECT e.id AS event, o.epoch, o.instance, o.address, o.private_address, o.taken_at
FROM owner o
JOIN event e ON e.no = o.event;
