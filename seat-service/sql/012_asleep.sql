-- 012_asleep.sql: a database holds many events, of which few are being sold. One that is asleep is in no
-- process's memory: its owner put it to sleep when others needed the room, and whoever is asked for it wakes it.

ALTER TABLE event ADD COLUMN asleep_at timestamptz,
    ADD COLUMN changed bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN event.asleep_at IS 'no process has it in memory since; NULL: it is served';
COMMENT ON COLUMN event.changed IS 'the transaction that wrote the row last';

-- A process reads what has changed since it read last, and nothing else.
CREATE INDEX event_changed ON event (changed, no);

CREATE FUNCTION event_has_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$;

CREATE TRIGGER event_has_changed BEFORE INSERT OR UPDATE ON event
    FOR EACH ROW EXECUTE FUNCTION event_has_changed();
