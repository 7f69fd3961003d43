-- 013_moves.sql: an event moves from one of the processes that share it to another, which an operator names. The
-- wish lapses by itself, and whoever raises the epoch ends it: nobody who dies leaves an event to nobody.

ALTER TABLE owner ADD COLUMN wanted text NOT NULL DEFAULT '',
    ADD COLUMN wanted_until timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN ready text NOT NULL DEFAULT '';

COMMENT ON COLUMN owner.wanted IS 'the process that is to have the event, by its name; empty: whoever has it';
COMMENT ON COLUMN owner.ready IS 'the life of that process which has read the journal and waits for the event';
