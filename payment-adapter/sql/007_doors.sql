-- A scanner opens the doors of one event at one gate, by a token of which only a hash is here.
CREATE TABLE pay.scanner (
    id         text PRIMARY KEY,
    event      text NOT NULL,
    gate       text NOT NULL,
    hash       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX scanner_event ON pay.scanner (event, id);

-- What operators and doors did, for whoever has to find out later. Append-only.
CREATE TABLE pay.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event   text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    act     text NOT NULL, -- in, in-again, out, undo, scanner-created, scanner-revoked
    subject text NOT NULL, -- a ticket, a scanner, an order or the event
    actor   text NOT NULL, -- a scanner, or operator
    gate    text,
    reason  text,
    detail  jsonb
);
CREATE INDEX audit_event ON pay.audit (event, id);
CREATE INDEX audit_subject ON pay.audit (subject, id);
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON pay.audit
    FOR EACH STATEMENT EXECUTE FUNCTION pay.refuse();

-- A row says that the ticket was used. Whoever went out again may come in again; an undo takes the
-- row away.
ALTER TABLE pay.checkin
    ADD COLUMN out_at  timestamptz, -- NULL: inside
    ADD COLUMN entries integer NOT NULL DEFAULT 1;
CREATE INDEX checkin_conflict_time ON pay.checkin_conflict (recorded_at);

-- The doors' list is read page by page in the order of the ids.
DROP INDEX pay.ticket_revoked;
CREATE INDEX ticket_revoked ON pay.ticket (event, id) WHERE revoked_at IS NOT NULL;
