-- The payment adapter's own tables. Nothing personal is in them: a member is an id, who and where
-- that is stays in the company's user database.

CREATE TABLE pay.saga (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key      text NOT NULL,               -- definition and version: checkout.1
    subject  text NOT NULL,               -- the order that it is about
    state    smallint NOT NULL DEFAULT 0, -- 0 running, 1 undoing, 2 completed, 3 undone
    step     smallint NOT NULL DEFAULT 0,
    tries    integer NOT NULL DEFAULT 0,
    moves    integer NOT NULL DEFAULT 0,  -- a move names the number it follows
    wake     integer NOT NULL DEFAULT 0,  -- rises when somebody wants the saga to look again
    token    bigint NOT NULL DEFAULT 0,   -- of the lease; moves under an older one are refused
    leased   boolean NOT NULL DEFAULT false,
    owner    text NOT NULL DEFAULT '',    -- the instance that leased it
    parked   boolean NOT NULL DEFAULT false,
    cancel   boolean NOT NULL DEFAULT false,
    cause    text NOT NULL DEFAULT '',
    trace    text NOT NULL DEFAULT '',
    data     text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    step_at  timestamptz NOT NULL DEFAULT now(),
    due_at   timestamptz NOT NULL DEFAULT now(), -- leased: when the lease is over
    ended_at timestamptz
) WITH (fillfactor = 40);

-- A lease moves due_at once; the steps under it leave it alone. So most moves touch no index and
-- stay within their page (fillfactor keeps room for them).
CREATE INDEX saga_due ON pay.saga (due_at) WHERE state < 2 AND NOT parked;
CREATE INDEX saga_parked ON pay.saga (id) WHERE parked;
CREATE INDEX saga_subject ON pay.saga (subject);

-- Append-only. The primary key is the barrier: attempt 0 is the effect of a step in one direction,
-- and there is one of it. What came to nothing has the number of its move instead.
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
    PRIMARY KEY (saga, step, undo, attempt)
);

CREATE FUNCTION pay.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER saga_step_append_only BEFORE UPDATE OR DELETE ON pay.saga_step
    FOR EACH STATEMENT EXECUTE FUNCTION pay.refuse();

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
    secret     text, -- the client's half of the payment; for the buyer alone
    url        text,
    idem_key   text NOT NULL,
    idem_body  text NOT NULL, -- hash of what was asked under the key
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event, hold),
    UNIQUE (member, idem_key)
) WITH (fillfactor = 70);
CREATE INDEX orders_payment ON pay.orders (payment) WHERE payment IS NOT NULL;

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
    replaced_by text
);
CREATE INDEX ticket_order ON pay.ticket (order_id);
CREATE INDEX ticket_revoked ON pay.ticket (event, revoked_at) WHERE revoked_at IS NOT NULL;
-- The last wall: one ticket that is good for a seat.
CREATE UNIQUE INDEX ticket_seat ON pay.ticket (order_id, seat) WHERE revoked_at IS NULL;

-- One row a ticket: of ten gates that scan the same one, the first insert wins.
CREATE TABLE pay.checkin (
    ticket      text PRIMARY KEY REFERENCES pay.ticket,
    gate        text NOT NULL,
    scanned_at  timestamptz NOT NULL, -- by the gate's clock, when it was offline
    offline     boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
-- Scans that lost: two doors without a network let the same ticket in. Nobody can undo that, but
-- somebody has to know.
CREATE TABLE pay.checkin_conflict (
    ticket      text NOT NULL,
    gate        text NOT NULL,
    scanned_at  timestamptz NOT NULL,
    reason      text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ticket, gate, scanned_at)
);

CREATE TABLE pay.shop_outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL REFERENCES pay.orders,
    member   text NOT NULL,
    kind     text NOT NULL,
    tries    integer NOT NULL DEFAULT 0,
    due_at   timestamptz NOT NULL DEFAULT now(),
    made_at  timestamptz NOT NULL DEFAULT now(),
    done_at  timestamptz,
    error    text,
    UNIQUE (order_id, kind)
);
CREATE INDEX shop_outbox_open ON pay.shop_outbox (member, id) WHERE done_at IS NULL;
CREATE INDEX shop_outbox_due ON pay.shop_outbox (due_at) WHERE done_at IS NULL;

CREATE TABLE pay.mail_outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL REFERENCES pay.orders,
    member   text NOT NULL, -- the address is read when the mail is sent, and not kept
    kind     text NOT NULL,
    lang     text NOT NULL,
    tries    integer NOT NULL DEFAULT 0,
    due_at   timestamptz NOT NULL DEFAULT now(),
    made_at  timestamptz NOT NULL DEFAULT now(),
    done_at  timestamptz,
    error    text,
    UNIQUE (order_id, kind)
);
CREATE INDEX mail_outbox_due ON pay.mail_outbox (due_at) WHERE done_at IS NULL;

-- What a provider has told us, each event once.
CREATE TABLE pay.webhook_event (
    provider    text NOT NULL,
    id          text NOT NULL,
    kind        text NOT NULL,
    payment     text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, id)
);

-- Only a hash of the cookie is kept: who reads this table cannot log in.
CREATE TABLE pay.session (
    token      text PRIMARY KEY,
    member     text NOT NULL,
    lang       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_expires ON pay.session (expires_at);

-- Failed logins, by a keyed hash of the account or of the address.
CREATE TABLE pay.throttle (
    key      text PRIMARY KEY,
    fails    integer NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz
) WITH (fillfactor = 70);

-- Where reconciliation stands in a provider's list of events, and what it found.
CREATE TABLE pay.reconcile_cursor (
    provider text PRIMARY KEY,
    event    text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);

-- What a provider's own list of events says of each payment. Numbers only rise, so the events may
-- come in any order and any number of times.
CREATE TABLE pay.psp_payment (
    provider text NOT NULL,
    payment  text NOT NULL,
    order_id text,
    amount   bigint NOT NULL DEFAULT 0,
    captured bigint NOT NULL DEFAULT 0,
    refunded bigint NOT NULL DEFAULT 0,
    state    smallint NOT NULL DEFAULT 0, -- 0 open, 1 authorised, 2 captured, 3 canceled
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, payment)
);
CREATE INDEX psp_payment_order ON pay.psp_payment (order_id);
