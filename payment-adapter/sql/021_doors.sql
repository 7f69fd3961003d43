-- outside a transaction
-- How many of an event's tickets were let in is asked by each gate: that read all tickets of all events.
DROP INDEX CONCURRENTLY IF EXISTS pay.ticket_event;
CREATE INDEX CONCURRENTLY ticket_event ON pay.ticket (event);
