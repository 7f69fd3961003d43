-- 001_journal.sql: events, their documents, who owns them, and the journal itself.
--
-- The journal is the truth. Everything else here can be made again from it and from the documents:
-- snapshots and reports may be dropped at any time, and cost time, not seats.

CREATE TABLE event (
    no         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What was imported: the plan, categories and limits, as bytes, so that its hash stays true.
CREATE TABLE document (
    event integer PRIMARY KEY REFERENCES event,
    hash  bytea NOT NULL,
    body  bytea NOT NULL
);
ALTER TABLE document ALTER body SET STORAGE EXTENDED;

-- One row an event. Each commit changes it under the condition that the epoch is still its own and
-- that seq stands where the committer believes it stands: that is the fence. Room is left on the
-- page, so that the row is changed in place.
CREATE TABLE owner (
    event    integer PRIMARY KEY REFERENCES event,
    epoch    bigint NOT NULL DEFAULT 0,
    seq      bigint NOT NULL DEFAULT 0,
    chain    bytea NOT NULL,
    instance text NOT NULL DEFAULT '',
    taken_at timestamptz
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- chain = BLAKE2b-256(previous chain, event, seq, epoch, at, kind, body); see chain.h.
-- Wide columns first, so that no byte is lost to alignment: this is the row that is written most.
CREATE TABLE journal (
    seq   bigint NOT NULL,
    at    timestamptz NOT NULL,
    epoch integer NOT NULL,
    event integer NOT NULL,
    kind  smallint NOT NULL,
    body  bytea NOT NULL,
    chain bytea NOT NULL,
    idem  bytea,
    PRIMARY KEY (event, seq)
);
ALTER TABLE journal ALTER body SET STORAGE PLAIN;
ALTER TABLE journal ALTER chain SET STORAGE PLAIN;

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER journal_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- The last wall: no seat is sold twice, whatever the program believes. Written in the transaction
-- of the change that sells.
CREATE TABLE sold (
    event    integer NOT NULL,
    seat     integer NOT NULL,
    seq      bigint NOT NULL,
    hold     bigint NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (event, seat)
);

CREATE TABLE snapshot (
    event   integer NOT NULL REFERENCES event,
    seq     bigint NOT NULL,
    chain   bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    body    bytea NOT NULL,
    PRIMARY KEY (event, seq)
);
ALTER TABLE snapshot ALTER body SET STORAGE EXTERNAL;
