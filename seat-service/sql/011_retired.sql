-- 011_retired.sql: events that are long over leave for files (common/archive/retire.h). What stays is a row
-- for each part, with the event's sums and the end of its chain; by it the id stays taken.

CREATE TABLE retired (
    event     text NOT NULL,
    part      integer NOT NULL,
    state     text NOT NULL CHECK (state IN ('deleting', 'retired', 'left')),
    place     text NOT NULL, -- the folder to which it was written
    digest    text NOT NULL, -- SHA-256 of the manifest there
    rows      bigint NOT NULL,
    totals    jsonb NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now(),
    ended_at  timestamptz,
    PRIMARY KEY (event, part)
);

-- From then on no process takes the event; whoever owns it owns it until it ends.
ALTER TABLE event ADD COLUMN retired_at timestamptz;

-- The journal stays append-only; an event that is being retired may be deleted by the session that names
-- it. Nobody may ever change a row.
CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM retired
            WHERE event = current_setting('fairgate.retiring', true) AND state = 'deleting') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE FUNCTION no_of(text) RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT no FROM event WHERE id = $1
$$;

-- What speaks against it, but for an owner that still runs.
CREATE FUNCTION retire_open(ev text, after interval) RETURNS SETOF text STABLE LANGUAGE plpgsql AS $$
DECLARE
    nth integer := no_of(ev);
    body jsonb;
    began timestamptz;
    n bigint;
BEGIN
    IF nth IS NULL THEN
        RETURN NEXT 'no such event is here';
        RETURN;
    END IF;
    SELECT convert_from(d.body, 'UTF8')::jsonb INTO body FROM document d WHERE d.event = nth;
    began := coalesce((body->>'starts_at')::timestamptz, (SELECT created_at FROM event WHERE no = nth));
    IF body IS NOT NULL AND began > now() - after THEN
        RETURN NEXT format('it began at %s, and may be retired at %s', began, began + after);
    END IF;
    SELECT count(*) INTO n FROM holds WHERE event = nth AND state IN ('open', 'paying');
    IF n > 0 THEN
        RETURN NEXT format('%s holds are open or being paid', n);
    END IF;
    IF EXISTS (SELECT FROM owner o WHERE o.event = nth AND o.seq > coalesce(
            (SELECT p.seq FROM projected p WHERE p.event = nth), 0)) THEN
        RETURN NEXT 'its holds have not been read out of the journal to the end';
    END IF;
END $$;

-- Before anything is written: no process takes it any more. If something else speaks against it the mark is
-- taken away, so that an owner can do what is missing.
CREATE FUNCTION retire_begin(ev text, after interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM retire_open(ev, after)) THEN
        UPDATE event SET retired_at = NULL WHERE id = ev AND retired_at IS NOT NULL;
    ELSE
        UPDATE event SET retired_at = now() WHERE id = ev AND retired_at IS NULL;
    END IF;
END $$;

-- The lock is an owner's (STORE_LOCK_EVENT); it is ours from here on, until the session ends.
CREATE FUNCTION retire_refusals(ev text, after interval) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM retire_open(ev, after);
    IF NOT FOUND AND NOT pg_try_advisory_lock(4606786, no_of(ev)) THEN
        RETURN NEXT format('%s still owns it; it is marked now, so that nobody takes it after that process has '
            'ended: restart it and run this again', (SELECT instance FROM owner WHERE event = no_of(ev)));
    END IF;
END $$;

CREATE FUNCTION retire_totals(ev text) RETURNS jsonb STABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'changes', (SELECT seq FROM owner WHERE event = no_of(ev)),
        'chain', (SELECT encode(chain, 'hex') FROM owner WHERE event = no_of(ev)),
        'seats_sold', (SELECT count(*) FROM sold WHERE event = no_of(ev)),
        'holds', coalesce((SELECT jsonb_object_agg(state, of_state) FROM (
            SELECT state, jsonb_build_object('holds', count(*), 'places', sum(places), 'total', sum(total)) AS of_state
            FROM holds WHERE event = no_of(ev) GROUP BY state) h), '{}'))
$$;

CREATE FUNCTION retire_seal(ev text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM owner WHERE event = no_of(ev) FOR UPDATE;
END $$;

CREATE FUNCTION retire_done(ev text, nth integer) RETURNS void LANGUAGE sql AS $$ SELECT $$;
