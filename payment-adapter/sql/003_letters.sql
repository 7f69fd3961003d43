-- How many of an order's letters the shop says it has taken; NULL: it does not say.
ALTER TABLE pay.shop_order ADD COLUMN letters integer;
-- The shop's list is read again once a day: when this round began, and the last one that came to the list's end.
ALTER TABLE pay.reconcile_cursor ADD COLUMN round_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN whole_at timestamptz NOT NULL DEFAULT '-infinity';
