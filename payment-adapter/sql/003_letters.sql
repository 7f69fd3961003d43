-- How many of an order's letters the shop says it has taken; NULL: it does not say.
ALTER TABLE pay.shop_order ADD COLUMN letters integer;
-- The shop's list is read again once a day: when the newest round began, and when the last one began that reached the
-- list's end. -infinity: there was none.
ALTER TABLE pay.reconcile_cursor ADD COLUMN round_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN whole_at timestamptz NOT NULL DEFAULT '-infinity';
-- The shop has taken back the order that a restore had lost, and still lists it.
ALTER TABLE pay.void_order ADD COLUMN taken_back boolean NOT NULL DEFAULT false;
