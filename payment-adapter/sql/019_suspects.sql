-- Reconciliation looks at what may have come to disagree, and goes through the rest slice by slice: what a
-- run costs no longer grows with all that was ever sold.

-- What the next run compares. `list`: '' is an order of ours, 'shop' one that the shop lists, anything else
-- a payment of that provider.
CREATE TABLE pay.suspect (
    list text NOT NULL,
    id   text NOT NULL,
    at   timestamptz NOT NULL DEFAULT now(), -- it changed then; -infinity: long ago, if at all
    PRIMARY KEY (list, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- How far everything was read. One row, changed once a run.
CREATE TABLE pay.reconciled (
    one              boolean PRIMARY KEY DEFAULT true CHECK (one),
    sagas_at         timestamptz NOT NULL DEFAULT now(), -- by the time at which a saga ended
    letters_at       timestamptz NOT NULL DEFAULT now(), -- and the shop had taken a letter
    order_after      text NOT NULL DEFAULT '', -- where the next slice of each begins
    shop_after       text NOT NULL DEFAULT '',
    payment_provider text NOT NULL DEFAULT '',
    payment_after    text NOT NULL DEFAULT '',
    passed_at        timestamptz, -- when the last order of all was reached the last time
    -- Payments that name no order of ours: as of the last time all were gone through, and so far.
    foreign_payments bigint NOT NULL DEFAULT 0,
    foreign_amount   bigint NOT NULL DEFAULT 0,
    so_far_payments  bigint NOT NULL DEFAULT 0,
    so_far_amount    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO pay.reconciled DEFAULT VALUES;

-- Events, and when an order of them changed: their seats are compared for a day after it.
CREATE TABLE pay.traded (
    event text PRIMARY KEY,
    at    timestamptz NOT NULL
) WITH (fillfactor = 70);
