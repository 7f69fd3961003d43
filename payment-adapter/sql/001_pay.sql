-- The payment adapter's own tables. They hold no names and no addresses: a member is an id of the
-- company's user database.
--
-- Autovacuum is set for years of sales. By default PostgreSQL vacuums a table when a fifth of its rows
-- are dead or new: 20 million of 100 million rows, weeks late and all at once.

-- Which Fairgate this is. Several may share a provider's account and a shop, so the id of each order begins with
-- "o_" and these eight digits: nothing that another installation sold is counted or refunded as ours.
CREATE TABLE pay.installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id  text NOT NULL DEFAULT left(gen_random_uuid()::text, 8)
);
INSERT INTO pay.installation DEFAULT VALUES;

-- Whose order has this id: ours, another (installation's) or none (no Fairgate's).
CREATE FUNCTION pay.order_origin(id text, installation text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE
        WHEN $1 ~ '^o_[0-9a-f]{8}[A-Za-z0-9_-]{16}$' THEN
            CASE substr($1, 3, 8) WHEN $2 THEN 'ours' ELSE 'another' END
        ELSE 'none'
    END
$$;

-- The number of an order or a ticket, to be read aloud: K7-4M2-9QX (src/number.h).
-- PL/pgSQL computes it in a tenth of the time that it takes to set up a query.
CREATE FUNCTION pay.number(id text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    hash bytea := sha256(convert_to(id, 'UTF8'));
    number text := '';
BEGIN
    FOR i IN 0..7 LOOP
        number := number || CASE WHEN i IN (2, 5) THEN '-' ELSE '' END
            || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + (get_byte(hash, i) & 31), 1);
    END LOOP;
    RETURN number;
END $$;

CREATE TABLE pay.saga (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key      text NOT NULL,               -- definition and version: checkout.1
    subject  text NOT NULL,               -- the order
    state    smallint NOT NULL DEFAULT 0, -- 0 running, 1 undoing, 2 completed, 3 undone
    step     smallint NOT NULL DEFAULT 0,
    tries    integer NOT NULL DEFAULT 0,
    moves    integer NOT NULL DEFAULT 0,  -- a move names the number it follows
    wake     integer NOT NULL DEFAULT 0,  -- rises when something wakes the saga
    token    bigint NOT NULL DEFAULT 0,   -- of the lease; moves under an older one are refused
    leased   boolean NOT NULL DEFAULT false,
    owner    text NOT NULL DEFAULT '',    -- LOOP/INSTANCE that leased it
    parked   boolean NOT NULL DEFAULT false,
    cancel   boolean NOT NULL DEFAULT false,
    cause    text NOT NULL DEFAULT '',
    trace    text NOT NULL DEFAULT '',
    data     text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    step_at  timestamptz NOT NULL DEFAULT now(),
    due_at   timestamptz NOT NULL DEFAULT now(), -- leased: when the lease is over
    ended_at timestamptz
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);

-- A lease moves due_at once; the steps under it do not change it. So most moves touch no index and
-- stay within their page (fillfactor keeps room for them).
CREATE INDEX saga_due ON pay.saga (due_at) WHERE state < 2 AND NOT parked;
CREATE INDEX saga_parked ON pay.saga (id) WHERE parked;
CREATE INDEX saga_subject ON pay.saga (subject);
CREATE INDEX saga_ended ON pay.saga (ended_at) WHERE ended_at IS NOT NULL;

-- Append-only. The primary key is the barrier: attempt 0 is the effect of a step in one direction,
-- at most once. A try without an effect has the number of its move instead. New rows are frozen after
-- half a million inserts, so the vacuum against wraparound finds no page left to write.
CREATE TABLE pay.saga_step (
    saga    bigint NOT NULL,
    step    smallint NOT NULL,
    undo    boolean NOT NULL,
    attempt integer NOT NULL,
    mark    smallint NOT NULL, -- 0 done, 1 failed, 2 ongoing, 3 unknown, 4 turned, 5 skipped, 7 operator
    tried   integer NOT NULL,
    took_us integer NOT NULL,
    code    text,
    detail  text,
    at      timestamptz NOT NULL DEFAULT now(),
    who     text, -- the operator's name; NULL: no operator, or the admin token, which has no name
    PRIMARY KEY (saga, step, undo, attempt)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
    autovacuum_freeze_min_age = 0);
CREATE INDEX saga_step_unknown ON pay.saga_step (at) WHERE mark = 3;

-- Only the transaction that retires an event may delete its rows. No row is ever updated.
CREATE FUNCTION pay.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM pay.retired
            WHERE event = current_setting('fairgate.retiring', true) AND xmin = pg_current_xact_id()::xid) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER saga_step_append_only BEFORE UPDATE OR DELETE ON pay.saga_step
    FOR EACH STATEMENT EXECUTE FUNCTION pay.refuse();

-- "EVENT ROW NUMBER" of each place, by which the help desk finds the orders of a seat.
-- By expressions alone: a query for each order takes three times as long.
CREATE FUNCTION pay.seat_words(event text, places jsonb) RETURNS text[] IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    words text[];
BEGIN
    FOR i IN 0..jsonb_array_length(places) - 1 LOOP
        IF places->i->>'number' <> '' THEN
            words := words || upper(event || ' ' || (places->i->>'row') || ' ' || (places->i->>'number'));
        END IF;
    END LOOP;
    RETURN words;
END $$;

CREATE TABLE pay.orders (
    id         text PRIMARY KEY,
    event      text NOT NULL,
    hold       text NOT NULL,
    member     text NOT NULL,
    lang       text NOT NULL,
    provider   text NOT NULL,
    currency   text NOT NULL,
    amount     bigint NOT NULL CHECK (amount >= 0),
    seats      jsonb NOT NULL,
    status     text NOT NULL,
    cause      text,
    payment    text,
    secret     text, -- the client's half of the payment; only the buyer sees it
    url        text,
    idem_key   text NOT NULL,
    idem_body  text NOT NULL, -- hash of the request sent with the key
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    -- Names as they were when the order was made, for page, ticket and mail. Later changes of the hall
    -- do not change an order.
    event_name text NOT NULL DEFAULT '',
    starts_at  timestamptz,
    show       jsonb, -- {doors_at, time_zone, venue}; NULL: starts_at is all that is known
    places     jsonb NOT NULL DEFAULT '[]', -- [{id, zone, row, number, category}]
    refund_amount bigint, -- refunded, or being refunded, all credits included
    credits    jsonb NOT NULL DEFAULT '{}', -- parts given back by operators, by number: {amount, seats, reason, gone: places}
    purchase   jsonb, -- {version, digest, event, currency, lines, fees, total, vat?, terms} (api/held.h)
    moving     jsonb, -- seats that a move or credit saga has: their tickets do not open a gate, the order cannot be refunded or moved
    moves      integer NOT NULL DEFAULT 0, -- move and credit sagas that ended; numbers their messages
    moved_at   timestamptz,
    -- A second order with the same number is refused, and is made under another id.
    number     text NOT NULL UNIQUE GENERATED ALWAYS AS (pay.number(id)) STORED,
    UNIQUE (member, idem_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);
-- An order that the seat service refused with one of these causes never had the hold: its buyer may
-- order again.
CREATE UNIQUE INDEX orders_hold ON pay.orders (event, hold)
    WHERE cause IS NULL OR cause NOT IN ('buyer-limit', 'purchase-differs');
CREATE INDEX orders_event ON pay.orders (event, id); -- orders_hold leaves some orders out
CREATE INDEX orders_made ON pay.orders (event, created_at, id);
CREATE INDEX orders_seat ON pay.orders USING gin (pay.seat_words(event, places)) WITH (fastupdate = off);

-- Orders by their payments. Each order gets its payment after it was made, and to change a column of one index is to
-- write the row into all of them again.
CREATE TABLE pay.order_payment (
    payment text,
    id      text, -- of the order
    PRIMARY KEY (payment, id)
);
CREATE FUNCTION pay.note_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.payment IS NOT NULL THEN
        DELETE FROM pay.order_payment WHERE payment = OLD.payment AND id = OLD.id;
    END IF;
    INSERT INTO pay.order_payment SELECT NEW.payment, NEW.id WHERE NEW.payment IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_made_paid AFTER INSERT ON pay.orders
    FOR EACH ROW WHEN (NEW.payment IS NOT NULL) EXECUTE FUNCTION pay.note_payment();
CREATE TRIGGER orders_payment AFTER UPDATE OF payment OR DELETE ON pay.orders
    FOR EACH ROW EXECUTE FUNCTION pay.note_payment();

CREATE TABLE pay.ticket (
    id         text PRIMARY KEY,
    order_id   text NOT NULL REFERENCES pay.orders,
    event      text NOT NULL,
    seat       text NOT NULL,
    member     text NOT NULL,
    holder     text NOT NULL,
    kid        text NOT NULL,
    token      text NOT NULL,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    replaced_by text,
    lang       text, -- of the holder; NULL: the order's
    offered_to text, -- a transfer that this member has not accepted yet
    hops       integer NOT NULL DEFAULT 0, -- transfers so far
    standing   boolean NOT NULL DEFAULT false, -- a place of an area; its seat is numbered within the order: floor#3
    number     text NOT NULL GENERATED ALWAYS AS (pay.number(id)) STORED
);
CREATE INDEX ticket_order ON pay.ticket (order_id);
CREATE INDEX ticket_number ON pay.ticket (number);
CREATE INDEX ticket_member ON pay.ticket (member);
CREATE INDEX ticket_offered ON pay.ticket (offered_to) WHERE offered_to IS NOT NULL;
CREATE INDEX ticket_event ON pay.ticket (event);
CREATE INDEX ticket_revoked ON pay.ticket (event, id) WHERE revoked_at IS NOT NULL;
-- The unique constraints that keep a seat from having two valid tickets (I1), in an order and in an
-- event. Standing places have no seat of their own.
CREATE UNIQUE INDEX ticket_seat ON pay.ticket (order_id, seat) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX ticket_of_seat ON pay.ticket (event, seat)
    WHERE revoked_at IS NULL AND NOT standing;

-- Orders whose tickets open no door, though none of them is here: a restore lost them, and `recover lost --settle`
-- refunds them. Their events are unknown, so the doors' list of every event has all of them.
CREATE TABLE pay.void_order (
    id      text PRIMARY KEY CHECK (pay.order_origin(id, '') <> 'none'), -- no longer than a ticket's id
    at      timestamptz NOT NULL DEFAULT now(),
    to_give bigint -- what its payments still held then; NULL: none is known
);

-- A row says that the ticket was used; an undo deletes it. When ten gates scan one ticket, the first
-- insert wins.
CREATE TABLE pay.checkin (
    ticket      text PRIMARY KEY REFERENCES pay.ticket,
    gate        text NOT NULL,
    scanned_at  timestamptz NOT NULL, -- by the gate's clock, when it was offline
    offline     boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    out_at      timestamptz, -- NULL: inside
    entries     integer NOT NULL DEFAULT 1
);
-- Two gates without a network admitted the same ticket: the later scan. Or a ticket that is signed and not here,
-- since a restore lost it: event, seat and order are those that are signed.
CREATE TABLE pay.checkin_conflict (
    ticket      text NOT NULL,
    event       text NOT NULL,
    seat        text NOT NULL,
    order_id    text NOT NULL,
    gate        text NOT NULL,
    scanned_at  timestamptz NOT NULL,
    reason      text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ticket, gate, scanned_at)
);
CREATE INDEX checkin_conflict_event ON pay.checkin_conflict (event, recorded_at);

-- A scanner admits to one event at one gate. Only a hash of its token is stored.
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

-- Events that do not take place: no order is made, and those that are here are given back (saga/cancellations.h).
CREATE TABLE pay.cancelled_event (
    event    text PRIMARY KEY,
    reason   text NOT NULL,
    who      text, -- as in saga_step
    at       timestamptz NOT NULL DEFAULT now(),
    passed   text NOT NULL DEFAULT '', -- orders up to this id have been looked at
    due_at   timestamptz NOT NULL DEFAULT now(), -- of the next look; while a process works on it, the end of its lease
    ended_at timestamptz -- all has been given back
);

-- Events with a new date. Orders from before it have these times, and may be given back for a while.
CREATE TABLE pay.postponed_event (
    event        text PRIMARY KEY,
    times        integer NOT NULL DEFAULT 1, -- how often so far; numbers the mails
    show         jsonb NOT NULL, -- {starts_at, doors_at}, and time_zone and venue if they change too
    refund_until timestamptz NOT NULL,
    reason       text NOT NULL,
    who          text, -- as in saga_step
    at           timestamptz NOT NULL DEFAULT now()
);

-- What operators and scanners did. Append-only.
CREATE TABLE pay.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event   text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    act     text NOT NULL, -- in, in-again, out, undo, scanner-created, scanner-revoked, ...
    subject text NOT NULL, -- a ticket, a scanner, an order or the event
    actor   text NOT NULL, -- a scanner, or operator
    gate    text,
    reason  text,
    detail  jsonb,
    who     text -- as in saga_step
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
    autovacuum_freeze_min_age = 0);
CREATE INDEX audit_event ON pay.audit (event, id);
CREATE INDEX audit_subject ON pay.audit (subject, id);
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON pay.audit
    FOR EACH STATEMENT EXECUTE FUNCTION pay.refuse();

-- Messages that wait until their receiver has taken them: letters to the shop, and mails to members. One that the
-- receiver refuses again and again is given up: due_at is infinity until an operator sends it again. A letter to the
-- shop that is given up is called parked, and holds back only its own order's letters.
CREATE TABLE pay.outbox (
    id       bigserial,
    box      smallint NOT NULL, -- 0 letters to the shop, 1 mails
    order_id text NOT NULL REFERENCES pay.orders,
    member   text NOT NULL, -- the address is read when a mail is sent, and never stored
    kind     text NOT NULL,
    lang     text, -- of a mail
    tries    integer NOT NULL DEFAULT 0,
    due_at   timestamptz NOT NULL DEFAULT now(),
    made_at  timestamptz NOT NULL DEFAULT now(),
    done_at  timestamptz,
    error    text,
    refused  integer NOT NULL DEFAULT 0, -- in a row
    trace    text NOT NULL DEFAULT '' -- traceparent of the step that wrote the message
) PARTITION BY LIST (box);
CREATE TABLE pay.shop_outbox PARTITION OF pay.outbox (box DEFAULT 0,
    PRIMARY KEY (id), UNIQUE (order_id, kind))
    FOR VALUES IN (0) WITH (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 5000);
CREATE TABLE pay.mail_outbox PARTITION OF pay.outbox (box DEFAULT 1, lang NOT NULL,
    PRIMARY KEY (id), UNIQUE (order_id, kind, member))
    FOR VALUES IN (1) WITH (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 5000);
-- How many messages were refused for their first time since the receiver accepted one.
CREATE TABLE pay.outbox_streak (
    box     smallint PRIMARY KEY,
    refused integer NOT NULL DEFAULT 0
);
INSERT INTO pay.outbox_streak VALUES (0), (1);
CREATE INDEX outbox_given_up ON pay.outbox (id) WHERE done_at IS NULL AND due_at = 'infinity';
CREATE INDEX shop_outbox_done ON pay.shop_outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX shop_outbox_open ON pay.shop_outbox (member, id) WHERE done_at IS NULL;
CREATE INDEX outbox_due ON pay.outbox (due_at) WHERE done_at IS NULL;

-- Webhooks received, each event once. Swept by age.
CREATE TABLE pay.webhook_event (
    provider    text NOT NULL,
    id          text NOT NULL,
    kind        text NOT NULL,
    payment     text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, id)
) WITH (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);
CREATE INDEX webhook_event_received ON pay.webhook_event (received_at);

-- Only a hash of the cookie is stored: a reader of this table cannot log in.
CREATE TABLE pay.session (
    token      text PRIMARY KEY,
    member     text NOT NULL,
    lang       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);
CREATE INDEX session_expires ON pay.session (expires_at);

-- Failed logins, by a keyed hash of the account or of the address.
CREATE TABLE pay.throttle (
    key      text PRIMARY KEY,
    fails    integer NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz
) WITH (fillfactor = 70);

-- Rates that all processes share: the value of each is the moment, in microseconds, up to which calls are paid for, or
-- the end of a pause. Rows would not do: while anybody's snapshot is open each call would leave a version that all later
-- ones walk. Logged: a replica that is promoted before its first restartpoint cannot read unlogged ones.
CREATE SEQUENCE pay.pace_psp;
CREATE SEQUENCE pay.pace_shop;
CREATE SEQUENCE pay.pace_users;
CREATE SEQUENCE pay.pace_users_login;
CREATE SEQUENCE pay.pace_users_mail;

-- Pays an interval for each call, as many of `most` as the rate allows; burst_us NULL: all of them, an interval of 0: none.
-- After a pause of pause_us nothing is granted before it has ended. ahead_us: how far the moment is ahead of the clock.
CREATE FUNCTION pay.pace_pay(rate text, most bigint, interval_us bigint, burst_us bigint, pause_us bigint DEFAULT 0,
    OUT granted bigint, OUT ahead_us bigint) LANGUAGE plpgsql AS $$
DECLARE
    moment regclass := 'pay.pace_' || rate;
    now_us bigint;
    free_us bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(moment::oid::bigint);
    now_us := extract(epoch FROM clock_timestamp()) * 1000000;
    ahead_us := greatest(pg_sequence_last_value(moment) - now_us, pause_us);
    free_us := burst_us - interval_us - ahead_us;
    granted := CASE
        WHEN interval_us = 0 OR free_us < 0 THEN 0
        ELSE least(most, 1 + free_us / interval_us)
    END;
    ahead_us := ahead_us + granted * interval_us;
    IF granted > 0 OR pause_us > 0 THEN
        PERFORM setval(moment, now_us + ahead_us);
    END IF;
END $$;

-- It rises with each restore of the database: PostgreSQL begins a timeline. Aurora does not tell its timeline, but a
-- restored cluster is started later than the lost one was: by the minute of its start.
CREATE FUNCTION pay.restores() RETURNS integer STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer - 1;
EXCEPTION WHEN object_not_in_prerequisite_state OR feature_not_supported THEN
    RETURN extract(epoch FROM pg_postmaster_start_time() - timestamptz '2026-01-01 00:00Z') / 60;
END $$;

-- When, to whom and how much of an order is refunded. An operator sets it for an event; the row of the
-- event '' is the configuration's and applies to all others.
CREATE TABLE pay.refund_terms (
    event          text PRIMARY KEY,
    version        integer NOT NULL DEFAULT 1,
    granted_to     text NOT NULL CHECK (granted_to IN ('buyer', 'operator')),
    until_at       timestamptz, -- the earlier of both applies; neither: no end
    before_start_s bigint,
    percent        smallint NOT NULL CHECK (percent BETWEEN 1 AND 100),
    handed_on      boolean NOT NULL, -- also when a ticket was transferred
    changed_at     timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION pay.refund_terms_of(text, timestamptz) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('by', t.granted_to, 'percent', t.percent, 'handed_on', t.handed_on,
            'until', to_char(least(t.until_at, $2 - t.before_start_s * interval '1 s')
                AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        FROM pay.refund_terms t WHERE t.event IN ($1, '') ORDER BY t.event DESC LIMIT 1);
END $$;

-- How far reconciliation has read each provider's list of events. A gap is a stretch of the list that the
-- provider had already dropped: from when, and when we found out.
CREATE TABLE pay.reconcile_cursor (
    provider text PRIMARY KEY,
    event    text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    gap_from timestamptz,
    gap_at   timestamptz
);

-- Each payment by the provider's own list of events. Numbers only rise, so events may arrive in any order
-- and repeatedly. No index has the numbers: updates stay within their page.
CREATE TABLE pay.psp_payment (
    provider text NOT NULL,
    payment  text NOT NULL,
    order_id text,
    amount   bigint NOT NULL DEFAULT 0,
    captured bigint NOT NULL DEFAULT 0,
    refunded bigint NOT NULL DEFAULT 0, -- the largest number: all of it
    state    smallint NOT NULL DEFAULT 0, -- 0 open, 1 authorised, 2 captured, 3 canceled
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, payment)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);
CREATE INDEX psp_payment_order ON pay.psp_payment (order_id);

-- Refunds and disputes by the provider's list. States only rise.
CREATE TABLE pay.psp_return (
    provider text NOT NULL,
    id       text NOT NULL,
    payment  text NOT NULL,
    kind     text NOT NULL,               -- refund, dispute
    amount   bigint NOT NULL DEFAULT 0,
    state    smallint NOT NULL DEFAULT 0, -- 0 under way, 1 done (dispute: won), 2 failed (dispute: lost)
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, id)
);
CREATE INDEX psp_return_payment ON pay.psp_return (provider, payment);

-- Each payment with the money that went back: refunds less failed refunds, disputes that are not won, and of
-- these the lost ones.
CREATE VIEW pay.psp_money AS
    SELECT p.provider, p.payment, p.order_id, p.amount, p.captured, p.state, p.seen_at,
        coalesce(r.failed, 0) AS failed, coalesce(r.disputed, 0) AS disputed,
        coalesce(r.lost, 0) AS lost,
        least(p.captured, greatest(0, greatest(p.refunded, coalesce(r.given, 0)) - coalesce(r.failed, 0))) AS back
    FROM pay.psp_payment p
    LEFT JOIN (SELECT provider, payment,
            sum(amount) FILTER (WHERE kind = 'refund') AS given,
            sum(amount) FILTER (WHERE kind = 'refund' AND state = 2) AS failed,
            sum(amount) FILTER (WHERE kind = 'dispute' AND state <> 1) AS disputed,
            sum(amount) FILTER (WHERE kind = 'dispute' AND state = 2) AS lost
        FROM pay.psp_return GROUP BY provider, payment) r USING (provider, payment);

-- The shop's own list of the orders it took, in order of arrival. Each run reads on from the last.
CREATE TABLE pay.shop_order (
    external_id text PRIMARY KEY,
    amount      bigint NOT NULL,
    after       text, -- the position after which its page was read; NULL: it was asked for by its id
    twice       boolean NOT NULL DEFAULT false, -- on one page, or on two
    seen_at     timestamptz NOT NULL DEFAULT now()
);

-- Reconciliation compares what may have changed, and all else slice by slice. These rows are what the next
-- run compares. `list`: '' is an order of ours, 'shop' an order in the shop's list, any other value a
-- payment of that provider.
CREATE TABLE pay.suspect (
    list text NOT NULL,
    id   text NOT NULL,
    at   timestamptz NOT NULL DEFAULT now(), -- when it changed; -infinity: not recently
    PRIMARY KEY (list, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- How far everything was read. One row, changed once per run.
CREATE TABLE pay.reconciled (
    one              boolean PRIMARY KEY DEFAULT true CHECK (one),
    sagas_at         timestamptz NOT NULL DEFAULT now(), -- by the time a saga ended
    letters_at       timestamptz NOT NULL DEFAULT now(), -- by the time the shop accepted a message
    order_after      text NOT NULL DEFAULT '', -- where the next slice of each begins
    shop_after       text NOT NULL DEFAULT '',
    payment_provider text NOT NULL DEFAULT '',
    payment_after    text NOT NULL DEFAULT '',
    passed_at        timestamptz, -- when the slices last reached the last order
    -- When the newest run began that read the lists of all providers and of the shop to their end.
    read_at          timestamptz,
    -- Payments that name no order of ours: in the last full pass, and in this one so far.
    foreign_payments bigint NOT NULL DEFAULT 0,
    foreign_amount   bigint NOT NULL DEFAULT 0,
    so_far_payments  bigint NOT NULL DEFAULT 0,
    so_far_amount    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO pay.reconciled DEFAULT VALUES;

-- Whose run reconciliation is, and what the last one found: one row. A run is a lease: its process renews
-- `until`, and once that has passed another process begins the next run.
CREATE TABLE pay.reconcile_run (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    run      bigint NOT NULL DEFAULT 0, -- rises with each run; an older one may store nothing more
    owner    text NOT NULL DEFAULT '', -- the instance whose run it is; '': the last run has ended
    until    timestamptz NOT NULL DEFAULT now(),
    began_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz, -- of the last complete run
    drift    bigint NOT NULL DEFAULT 0, -- differences that it found
    report   jsonb NOT NULL DEFAULT '{"passed_at": null, "seats_compared_at": null, "items": [],
        "accepted": {"count": 0, "items": []}, "foreign": {"payments": 0, "amount": 0}, "not_reached": []}'
) WITH (fillfactor = 20);
INSERT INTO pay.reconcile_run DEFAULT VALUES;

-- Differences that an operator accepted. With another detail or sum a difference has another name, and is not accepted.
CREATE TABLE pay.drift_accepted (
    name     text PRIMARY KEY, -- pay.drift_name()
    event    text NOT NULL, -- '': of an order that is unknown here, or of none
    order_id text NOT NULL,
    payment  text NOT NULL,
    kind     text NOT NULL,
    detail   text NOT NULL,
    sum      bigint, -- of an order's payment: what it keeps above what the order says; NULL: not about that
    reason   text NOT NULL,
    who      text, -- as in saga_step
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX drift_accepted_order ON pay.drift_accepted (order_id);
CREATE FUNCTION pay.drift_name(kind text, id text, payment text, detail text) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT left(encode(sha256(convert_to(format('%s/%s/%s/%s', kind, id, payment, detail), 'UTF8')), 'hex'), 16)
$$;

-- Events, and when an order of them last changed: their seats are compared for a day after that.
CREATE TABLE pay.traded (
    event       text PRIMARY KEY,
    at          timestamptz NOT NULL,
    compared_at timestamptz NOT NULL DEFAULT now(), -- at first when the first of these orders changed
    turn_at     timestamptz NOT NULL DEFAULT '-infinity' -- when a run last chose the event
) WITH (fillfactor = 70);

-- The seat service lists sold seats in pages; they wait here until the last has arrived and all are
-- compared. After a crash the table is empty and the comparison, which knows the number of pages, fails.
CREATE UNLOGGED TABLE pay.sold_page (
    reader text NOT NULL, -- a process that compares; each reads its own list
    part   integer NOT NULL, -- 0, 1, ...
    at     timestamptz NOT NULL DEFAULT now(),
    seats  jsonb NOT NULL,
    PRIMARY KEY (reader, part)
);

-- Orders, money and errors over time, for the operator's charts: sums of ten seconds, and how many orders
-- were open. All but errors, `open` and `parked` can be computed again from the sagas.
CREATE TABLE pay.counted (
    event      text NOT NULL,        -- '': all events
    at         timestamptz NOT NULL, -- the end of the ten seconds
    completed  integer NOT NULL DEFAULT 0,
    refunded   integer NOT NULL DEFAULT 0,
    cancelled  integer NOT NULL DEFAULT 0,
    expired    integer NOT NULL DEFAULT 0,
    failed     integer NOT NULL DEFAULT 0,
    unanswered integer NOT NULL DEFAULT 0, -- calls whose outcome is unknown
    errors     integer NOT NULL DEFAULT 0, -- 5xx sent to visitors
    open       integer, -- sagas at that time; NULL: not counted
    parked     integer,
    captured   bigint NOT NULL DEFAULT 0, -- minor units, of orders completed
    given_back bigint NOT NULL DEFAULT 0, -- minor units, of refunds completed
    PRIMARY KEY (event, at)
);
CREATE INDEX counted_by_time ON pay.counted (at);
CREATE FUNCTION pay.counted_at(timestamptz) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT date_bin('10 s', $1, 'epoch') + interval '10 s'
$$;

-- Retired events are archived in files (common/archive/retire.h). A row per part remains, with the event's
-- sums and the archive's digest, and the ids of its orders: so an order's page, a late dispute and the
-- shop's list still find the order.
CREATE TABLE pay.retired (
    event     text NOT NULL,
    part      integer NOT NULL,
    place     text NOT NULL,  -- the folder to which it was written
    digest    text NOT NULL,  -- SHA-256 of the manifest there
    rows      bigint NOT NULL,
    totals    jsonb NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event, part)
);

-- Holds nothing personal.
CREATE TABLE pay.retired_order (
    id       text PRIMARY KEY,
    event    text NOT NULL,
    provider text NOT NULL,
    payment  text
);
CREATE INDEX retired_order_event ON pay.retired_order (event);
CREATE INDEX retired_order_payment ON pay.retired_order (payment) WHERE payment IS NOT NULL;

-- All orders of an event, retired ones too: a dispute may come late.
CREATE FUNCTION pay.orders_of(text) RETURNS TABLE (id text, provider text, payment text)
STABLE LANGUAGE sql AS $$
    SELECT id, provider, payment FROM pay.orders WHERE event = $1
    UNION
    SELECT id, provider, payment FROM pay.retired_order WHERE event = $1
$$;

-- What we keep of an order's money once the order is at its end; NULL: it is not.
CREATE FUNCTION pay.order_keeps(status text, amount bigint, refund_amount bigint) RETURNS bigint
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE
        WHEN status = 'completed' THEN amount - coalesce(refund_amount, 0)
        WHEN status = 'refunded' THEN amount - coalesce(refund_amount, amount)
        WHEN status IN ('cancelled', 'expired', 'failed') THEN 0
    END
$$;

-- The money of an order, as the provider reports it, and what we are to keep of it.
CREATE VIEW pay.order_money AS
    SELECT o.id, o.event, o.provider, o.currency, o.status, o.amount, m.captured, m.back, m.disputed,
        pay.order_keeps(o.status, o.amount, o.refund_amount) AS keeps
    FROM pay.orders o
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(m.captured), 0) AS captured, coalesce(sum(m.back), 0) AS back,
            coalesce(sum(m.disputed), 0) AS disputed
        FROM (SELECT provider, payment FROM pay.psp_payment WHERE order_id = o.id OFFSET 0) p
        CROSS JOIN LATERAL (SELECT * FROM pay.psp_money
            WHERE provider = p.provider AND payment = p.payment OFFSET 0) m) m;

-- With the money, so that an accepted one comes back when reconciliation reads another sum at the provider: there is no
-- sum that its order should keep.
CREATE FUNCTION pay.parked_detail(pay.saga) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT format('saga at step %s: %s; ', $1.step, $1.cause) || coalesce((
        SELECT format('%s left of its payments, in minor units of %s', captured - back - disputed, currency)
        FROM pay.order_money WHERE id = $1.subject), 'no order')
$$;

-- Orders of which an operator accepted that they stay where they are.
CREATE VIEW pay.left_so AS
    SELECT o.id FROM pay.drift_accepted a JOIN pay.orders o ON o.id = a.order_id
    WHERE a.name = pay.drift_name('moving-without-saga', o.id, coalesce(o.payment, ''), format('order %s', o.status))
    UNION
    SELECT s.subject FROM pay.drift_accepted a JOIN pay.saga s ON s.subject = a.order_id AND s.parked
    WHERE a.name = pay.drift_name('parked', s.subject, s.id::text, pay.parked_detail(s));

CREATE FUNCTION pay.postponed_to(ev text) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT (show->>'starts_at')::timestamptz FROM pay.postponed_event WHERE event = ev
        AND NOT EXISTS (SELECT FROM pay.cancelled_event WHERE event = ev)
$$;

-- Reasons not to retire the event, a sentence each.
CREATE FUNCTION pay.retire_refusals(ev text, after interval) RETURNS SETOF text
STABLE LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    n bigint;
    one text;
BEGIN
    SELECT greatest(max(coalesce(starts_at, created_at)), pay.postponed_to(ev)), count(*) INTO began, n
        FROM pay.orders WHERE event = ev;
    IF n = 0 AND NOT EXISTS (SELECT FROM pay.retired WHERE event = ev) THEN
        RETURN NEXT 'no order of it is here';
    END IF;
    IF began > now() - after THEN
        RETURN NEXT format('it began at %s, and may be retired at %s', began, began + after);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders o
        WHERE o.event = ev AND (o.moving IS NOT NULL
            OR o.status NOT IN ('completed', 'cancelled', 'expired', 'failed', 'refunded'))
        AND o.id NOT IN (SELECT id FROM pay.left_so);
    IF n > 0 THEN
        RETURN NEXT format('%s orders are not at their end, such as %s', n, one);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders_of(ev) o
        CROSS JOIN LATERAL (SELECT FROM pay.saga s
            WHERE s.subject = o.id AND (s.state < 2 OR s.parked)) s
        WHERE o.id NOT IN (SELECT id FROM pay.left_so);
    IF n > 0 THEN
        RETURN NEXT format('%s sagas are open or parked, such as that of %s', n, one);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders_of(ev) o
        CROSS JOIN LATERAL (
            SELECT FROM pay.shop_outbox b WHERE b.order_id = o.id AND b.done_at IS NULL
                AND pay.drift_name('not-at-shop', b.order_id, b.kind, coalesce(b.error, 'waiting'))
                    NOT IN (SELECT name FROM pay.drift_accepted)
            UNION ALL
            SELECT FROM pay.mail_outbox b WHERE b.order_id = o.id AND b.done_at IS NULL
                AND b.due_at < 'infinity') b;
    IF n > 0 THEN
        RETURN NEXT format('%s letters and mails have not gone out, such as one of %s', n, one);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders_of(ev) o
        CROSS JOIN LATERAL (SELECT FROM pay.psp_return r
            WHERE r.provider = o.provider AND r.payment = o.payment AND r.state = 0) r;
    IF n > 0 THEN
        RETURN NEXT format('%s disputes and refunds are under way, such as one of %s', n, one);
    END IF;
    SELECT count(*), min(m.id) INTO n, one FROM pay.order_money m
        WHERE m.event = ev AND m.captured - m.back - m.disputed IS DISTINCT FROM CASE
            -- Money that a lost dispute took cannot be kept; a completed order has to be refunded first.
            WHEN m.status = 'refunded' THEN least(m.keeps, m.captured - m.disputed)
            ELSE m.keeps
        END
        -- Accepted are sums: the newest of each payment.
        AND m.captured - m.back - m.disputed IS DISTINCT FROM m.keeps + (SELECT sum(a.sum) FROM (
            SELECT DISTINCT ON (payment) sum FROM pay.drift_accepted
            WHERE order_id = m.id AND sum IS NOT NULL ORDER BY payment, at DESC) a)
        AND m.id NOT IN (SELECT id FROM pay.left_so);
    IF n > 0 THEN
        RETURN NEXT format('the money of %s orders is not what it should be, such as that of %s', n, one);
    END IF;
    IF EXISTS (SELECT FROM pay.orders WHERE event = ev AND changed_at >= coalesce(
            (SELECT passed_at FROM pay.reconciled), '-infinity')) THEN
        RETURN NEXT 'reconciliation has not gone through all orders since one of them changed';
    END IF;
END $$;

-- common/archive calls them before the transaction; nothing to do here.
CREATE FUNCTION pay.retire_begin(ev text, after interval) RETURNS void LANGUAGE sql AS $$ SELECT $$;
CREATE FUNCTION pay.retire_wait(ev text) RETURNS void LANGUAGE sql AS $$ SELECT $$;

-- For the accountant: sums of the rows still here, by provider, currency and status.
CREATE FUNCTION pay.retire_totals(ev text) RETURNS jsonb STABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'name', (SELECT max(event_name) FROM pay.orders WHERE event = ev),
        'starts_at', (SELECT greatest(max(starts_at), pay.postponed_to(ev)) FROM pay.orders WHERE event = ev),
        'tickets', (SELECT count(*) FROM pay.ticket WHERE event = ev AND revoked_at IS NULL),
        'orders', coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.provider, s.currency, s.status) FROM (
            SELECT m.provider, m.currency, m.status, count(*) AS orders, sum(m.amount) AS amount,
                sum(m.captured) AS captured, sum(m.back) AS given_back, sum(m.disputed) AS disputed
            FROM pay.order_money m WHERE m.event = ev
            GROUP BY m.provider, m.currency, m.status) s), '[]'),
        -- Reported after the order was archived in an earlier part.
        'late', coalesce((SELECT jsonb_agg(to_jsonb(l) ORDER BY l."order") FROM (
            SELECT g.id AS "order", m.provider, m.payment, m.captured, m.back AS given_back, m.disputed
            FROM pay.retired_order g
            CROSS JOIN LATERAL (SELECT * FROM pay.psp_money WHERE order_id = g.id OFFSET 0) m
            WHERE g.event = ev AND NOT EXISTS (SELECT FROM pay.orders o WHERE o.id = g.id)
            ORDER BY g.id LIMIT 50) l), '[]'))
$$;

-- Stops refunds and moves of the event: both lock the order's row and then look for its id here.
CREATE FUNCTION pay.retire_seal(ev text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pay.orders WHERE event = ev ORDER BY id FOR UPDATE;
    INSERT INTO pay.retired_order (id, event, provider, payment)
        SELECT id, event, provider, payment FROM pay.orders WHERE event = ev ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION pay.retire_done(ev text, nth integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pay.suspect x USING pay.retired_order o
        WHERE o.event = ev AND x.list IN ('', 'shop') AND x.id = o.id;
    DELETE FROM pay.suspect x USING pay.retired_order o
        WHERE o.event = ev AND x.list = o.provider AND x.id = o.payment;
    DELETE FROM pay.traded WHERE event = ev;
    INSERT INTO pay.audit (event, act, subject, actor, detail)
        SELECT ev, 'retired', ev, 'operator',
            jsonb_build_object('part', part, 'place', place, 'digest', digest, 'rows', rows)
        FROM pay.retired WHERE event = ev AND part = nth;
END $$;
