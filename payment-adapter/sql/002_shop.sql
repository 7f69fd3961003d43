-- What the shop says it has taken, by its own list. The list is in the order of arrival and is read
-- onward from where the last reconciliation stood.
CREATE TABLE pay.shop_order (
    external_id text PRIMARY KEY,
    amount      bigint NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now()
);
