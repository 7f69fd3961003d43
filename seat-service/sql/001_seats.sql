-- 001_seats.sql: events, their documents, who owns them, and the journal.
--
-- The journal is the truth. Snapshots and the tables for reports (holds, act, counted) can be made
-- again from it and from the documents, so dropping them costs time, not seats.

CREATE TABLE event (
    no         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The newest incarnation that a pass has named; 0: none yet. Passes of an earlier one are invalid.
    incarnation bigint NOT NULL DEFAULT 0,
    -- Set: no process takes ownership any more, and the owner releases the event.
    retired_at timestamptz,
    asleep_at  timestamptz,
    changed    bigint NOT NULL DEFAULT 0,
    imported_by text
);
COMMENT ON COLUMN event.asleep_at IS 'no process has it in memory since; NULL: it is served';
COMMENT ON COLUMN event.changed IS 'the transaction that wrote the row last';

-- A process reads only rows that changed since its last read.
CREATE INDEX event_changed ON event (changed, no);

CREATE FUNCTION event_has_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$;

CREATE TRIGGER event_has_changed BEFORE INSERT OR UPDATE ON event
    FOR EACH ROW EXECUTE FUNCTION event_has_changed();

-- The imported plan, categories and limits, as bytes, so that the hash stays true. A correction adds a
-- row. It is written first and counts once the change in the journal that names its hash is written.
CREATE TABLE document (
    event integer NOT NULL REFERENCES event,
    hash  bytea NOT NULL,
    body  bytea NOT NULL,
    since bigint NOT NULL DEFAULT 1,
    base  bigint NOT NULL DEFAULT 1,
    places integer NOT NULL DEFAULT 0,
    PRIMARY KEY (event, since)
);
ALTER TABLE document ALTER body SET STORAGE EXTENDED;
COMMENT ON COLUMN document.since IS 'the change from which it counts; 0: not yet';
COMMENT ON COLUMN document.base IS 'the change from which the journal is about seats of this document';
COMMENT ON COLUMN document.places IS 'seats and standing places of the largest hall since base, where documents before had more';

-- One row per event. Each commit locks it for share and finds its own epoch there: that is the fence. A commit
-- does not update the row: while anybody's snapshot is open the former versions could not be pruned, and each
-- commit would walk all of them.
-- The addresses are written by the statement that raises the epoch, so they belong to that epoch.
-- `wanted` and `ready` move an event to another process. The wish expires at wanted_until and ends when
-- the epoch rises, so a process that dies cannot leave an event without an owner.
-- Each owner continues the journal as a branch with a new random name (`line`). After a restore to an
-- earlier moment numbers repeat with other changes, and readers recognise the branch that they do not know.
CREATE TABLE owner (
    event    integer PRIMARY KEY REFERENCES event,
    epoch    bigint NOT NULL DEFAULT 0,
    chain    bytea NOT NULL,
    instance text NOT NULL DEFAULT '',
    taken_at timestamptz,
    address  text NOT NULL DEFAULT '',
    private_address text NOT NULL DEFAULT '',
    wanted   text NOT NULL DEFAULT '',
    wanted_until timestamptz NOT NULL DEFAULT '-infinity',
    ready    text NOT NULL DEFAULT '',
    line     bigint NOT NULL DEFAULT 0,
    line_began bigint NOT NULL DEFAULT 0,
    line_before bigint NOT NULL DEFAULT 0,
    due_at   timestamptz,
    asked_at timestamptz
);
COMMENT ON COLUMN owner.chain IS 'the link before the journal''s first row';
COMMENT ON COLUMN owner.address IS 'HOST:PORT of the listener for visitors; empty: unknown';
COMMENT ON COLUMN owner.private_address IS 'HOST:PORT of the private listener; empty: unknown';
COMMENT ON COLUMN owner.wanted IS 'name of the process that is to take the event; empty: none';
COMMENT ON COLUMN owner.ready IS 'life of that process, once it has read the journal and waits for the event';
COMMENT ON COLUMN owner.line IS 'branch of the changes after line_began; 0: no process has owned the event';
COMMENT ON COLUMN owner.line_before IS 'branch of the changes up to line_began';
COMMENT ON COLUMN owner.due_at IS 'when the next hold of an event that was put to sleep ends; NULL: none, or owned since';
COMMENT ON COLUMN owner.asked_at IS 'when it was first asked for since, and refused; holds that end later may have been meant';

-- For people and for other programs.
CREATE VIEW registry AS
SELECT e.id AS event, o.epoch, o.instance, o.address, o.private_address, o.taken_at
FROM owner o
JOIN event e ON e.no = o.event;

-- chain = BLAKE2b-256(previous chain, event, seq, epoch, at, kind, body); see chain.h.
-- The changes of a batch are one row (pack.h), which saves an index entry, a tuple header and a link of the
-- chain per change.
-- Rows are never updated. Vacuum runs after half a million new rows and freezes at once, so the vacuum
-- against wraparound finds nothing left to write.
CREATE TABLE journal (
    seq   bigint NOT NULL,
    at    timestamptz NOT NULL,
    epoch integer NOT NULL,
    event integer NOT NULL,
    kind  smallint NOT NULL,
    body  bytea NOT NULL,
    chain bytea NOT NULL,
    changes smallint NOT NULL DEFAULT 1,
    PRIMARY KEY (event, seq)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
    autovacuum_freeze_min_age = 0);
ALTER TABLE journal ALTER body SET STORAGE PLAIN;
ALTER TABLE journal ALTER chain SET STORAGE PLAIN;
COMMENT ON COLUMN journal.seq IS 'of the last change of the row';
COMMENT ON COLUMN journal.kind IS 'of the only change of the row; 0: it has several';
COMMENT ON COLUMN journal.changes IS 'number of changes in the row; seq is the last one''s';

-- Where each event's journal ends.
CREATE VIEW head AS
SELECT o.event, coalesce(j.seq, 0) AS seq, coalesce(j.chain, o.chain) AS chain
FROM owner o
LEFT JOIN LATERAL (
    SELECT seq, chain FROM journal WHERE journal.event = o.event ORDER BY seq DESC LIMIT 1
) j ON TRUE;

-- Whether a process may wake events of its list: it has read the rows that changed before `since`, and knows of all
-- that are awake. Processes wake events one after the other, each after it has seen what the one before it woke, so
-- together they wake only what has room.
CREATE FUNCTION may_wake(class integer, list text, known integer[], since bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(class, hashtext(list)) THEN
        RETURN FALSE;
    END IF;
    RETURN NOT EXISTS (
        SELECT FROM event
        WHERE changed >= since AND asleep_at IS NULL AND retired_at IS NULL AND no <> ALL (known)
            AND (list = '' OR id = ANY (regexp_split_to_array(btrim(list, E' \t'), '[ \t]*,[ \t]*')))
    );
END
$$;

-- Raises an event's epoch if it is still `was`. The lock waits for a commit that is under way, and the next
-- statement sees what that one wrote, so the end of the journal is final. The row begins the line `fresh`, unless
-- it is in the line `kept`: that one goes on, and its former origin stays as it is. An event that has an owner is
-- awake: its former owner may have put it to sleep at the last moment, and due_at is gone.
CREATE FUNCTION owner_raise(no integer, who text, open_at text, within_at text, was bigint, kept bigint, fresh bigint)
RETURNS TABLE (epoch bigint, seq bigint, chain bytea, line bigint, line_before bigint, line_began bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM owner WHERE event = no AND epoch = was FOR NO KEY UPDATE;
    IF FOUND THEN
        UPDATE event SET asleep_at = NULL WHERE event.no = owner_raise.no AND asleep_at IS NOT NULL;
    END IF;
    RETURN QUERY UPDATE owner o
    SET epoch = was + 1, instance = who, address = open_at, private_address = within_at, taken_at = now(),
        wanted = '', ready = '', due_at = NULL, asked_at = NULL,
        line = CASE WHEN line = kept THEN line ELSE fresh END,
        line_before = CASE WHEN line = kept THEN line_before ELSE line END,
        line_began = CASE WHEN line = kept THEN line_began ELSE h.seq END
    FROM head h
    WHERE o.event = no AND o.epoch = was AND h.event = no
    RETURNING o.epoch, h.seq, h.chain, o.line, o.line_before, o.line_began;
END $$;

-- The last guard: no seat is sold twice, whatever the program believes. Written in the transaction of
-- the change that sells.
CREATE TABLE sold (
    event    integer NOT NULL,
    seat     integer NOT NULL,
    seq      bigint NOT NULL,
    hold     bigint NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (event, seat)
);

-- The standing places that each hold has bought, written as `sold` is.
CREATE TABLE sold_area (
    event    integer NOT NULL,
    hold     bigint NOT NULL,
    area     integer NOT NULL, -- of the plan
    places   integer NOT NULL,
    total    bigint NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (event, hold)
);

-- About half a megabyte each; the newest two per event stay. The TOAST table counts pieces of 2 KB:
-- 20,000 are 40 MB.
CREATE TABLE snapshot (
    event   integer NOT NULL REFERENCES event,
    seq     bigint NOT NULL,
    chain   bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    body    bytea NOT NULL,
    PRIMARY KEY (event, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000);
ALTER TABLE snapshot ALTER body SET STORAGE EXTERNAL;

-- The last state of each hold, for reports. The auditor thread projects it from the journal; `projected`
-- is how far. No decision reads it. Updated in place two or three times per hold.
CREATE TABLE holds (
    event      integer NOT NULL,
    hold       bigint NOT NULL,
    state      text NOT NULL,
    buyer      bigint NOT NULL,
    places     integer NOT NULL,
    area       integer,
    total      bigint NOT NULL,
    order_id   text NOT NULL,
    taken_at   timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (event, hold)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);

CREATE TABLE projected (
    event integer PRIMARY KEY REFERENCES event,
    seq   bigint NOT NULL
);

-- What operators did: seats blocked, seats unblocked, prices changed, documents corrected. Projected as `holds` is.
CREATE TABLE act (
    event      integer NOT NULL REFERENCES event,
    seq        bigint NOT NULL, -- of the change in the journal
    at         timestamptz NOT NULL,
    kind       smallint NOT NULL, -- of the change: 9 blocked, 10 unblocked, 12 priced (16, too), 15 revised
    quantity   integer NOT NULL,
    first_seat integer, -- in plan order; NULL: places of an area, or a price
    last_seat  integer,
    area       integer,
    reason     text NOT NULL,
    who        text, -- the name in the operator's token; NULL: the admin token
    category   integer, -- of the plan; of a price only
    price      bigint,
    price_was  bigint,
    UNIQUE NULLS NOT DISTINCT (event, seq, category) -- a change of several prices has a row for each
) WITH (autovacuum_freeze_min_age = 0);

-- Sessions that were ended before their pass expired, by hash. `no` rises, so that each process reads only
-- new rows. Expired rows are deleted as new ones arrive, at the end where readers begin: hence the
-- frequent vacuum. Without this table such sessions are admitted again until their passes expire.
CREATE TABLE ended_session (
    no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session bigint NOT NULL UNIQUE,
    until   timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- Counts over time, a point every ten seconds, for a day. `errors` is a running sum of 5xx responses to
-- visitors, which the next owner continues.
CREATE TABLE counted (
    event   integer NOT NULL REFERENCES event,
    at      timestamptz NOT NULL,
    free    integer NOT NULL,
    held    integer NOT NULL,
    sold    integer NOT NULL,
    blocked integer NOT NULL,
    errors  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (event, at)
);

-- Retired events (common/archive/retire.h). A row per part stays, with the event's totals and the end of
-- its chain; it keeps the id taken.
CREATE TABLE retired (
    event     text NOT NULL,
    part      integer NOT NULL,
    place     text NOT NULL, -- the folder to which it was written
    digest    text NOT NULL, -- SHA-256 of the manifest there
    rows      bigint NOT NULL,
    totals    jsonb NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event, part)
);

-- Only the transaction that retires an event may delete from the journal, and nobody may change a row.
CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM retired
            WHERE event = current_setting('fairgate.retiring', true) AND xmin = pg_current_xact_id()::xid) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER journal_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

CREATE FUNCTION no_of(text) RETURNS integer STABLE LANGUAGE sql AS $$
    SELECT no FROM event WHERE id = $1
$$;

-- The reasons against retiring an event, except an owner that still runs.
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
    SELECT convert_from(d.body, 'UTF8')::jsonb INTO body FROM document d WHERE d.event = nth ORDER BY since DESC LIMIT 1;
    began := coalesce((body->>'starts_at')::timestamptz, (SELECT created_at FROM event WHERE no = nth));
    IF body IS NOT NULL AND began > now() - after THEN
        RETURN NEXT format('it began at %s, and may be retired at %s', began, began + after);
    END IF;
    SELECT count(*) INTO n FROM holds WHERE event = nth AND state IN ('open', 'paying');
    IF n > 0 THEN
        RETURN NEXT format('%s holds are open or being paid', n);
    END IF;
    IF EXISTS (SELECT FROM head h WHERE h.event = nth AND h.seq > coalesce(
            (SELECT p.seq FROM projected p WHERE p.event = nth), 0)) THEN
        RETURN NEXT 'its holds have not been read out of the journal to the end';
    END IF;
END $$;

-- Before anything is written: marks the event, so that no process takes it. If there is a reason against it the
-- mark is removed, so that an owner can do what is missing.
CREATE FUNCTION retire_begin(ev text, after interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM retire_open(ev, after)) THEN
        UPDATE event SET retired_at = NULL WHERE id = ev AND retired_at IS NOT NULL;
    ELSE
        UPDATE event SET retired_at = now() WHERE id = ev AND retired_at IS NULL;
    END IF;
END $$;

-- Waits until the owner's lock (STORE_LOCK_EVENT) is ours, at most ten seconds or fairgate.retire_wait. The session keeps it.
CREATE FUNCTION retire_wait(ev text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := clock_timestamp() + coalesce(current_setting('fairgate.retire_wait', true), '10s')::interval;
BEGIN
    WHILE NOT coalesce(pg_try_advisory_lock(4606786, no_of(ev)), TRUE) AND clock_timestamp() < until LOOP
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;

CREATE FUNCTION retire_refusals(ev text, after interval) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM retire_open(ev, after);
    IF NOT FOUND AND NOT pg_try_advisory_lock(4606786, no_of(ev)) THEN
        RETURN NEXT format('%s still has it in use; it is marked now, so that this process lets go of it once nothing '
            'uses it, and nobody takes it after that: run this again', (SELECT instance FROM owner WHERE event = no_of(ev)));
    END IF;
END $$;

CREATE FUNCTION retire_totals(ev text) RETURNS jsonb STABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'changes', (SELECT seq FROM head WHERE event = no_of(ev)),
        'chain', (SELECT encode(chain, 'hex') FROM head WHERE event = no_of(ev)),
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
