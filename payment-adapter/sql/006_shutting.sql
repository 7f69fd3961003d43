-- What is given back is shut first. A ticket that dies is told to whoever holds it, in their language,
-- beside what the buyer is told of the order.
ALTER TABLE pay.ticket ADD COLUMN lang text; -- NULL: the order's, as its buyer has it
ALTER TABLE pay.mail_outbox
    DROP CONSTRAINT mail_outbox_order_id_kind_key,
    ADD UNIQUE (order_id, kind, member);
-- A letter that the shop refuses time and again is parked: it is never due (`due_at` is infinity)
-- until a person lets it go once more, and meanwhile it holds up its own order's letters only.
ALTER TABLE pay.shop_outbox ADD COLUMN refused integer NOT NULL DEFAULT 0; -- in a row
CREATE INDEX shop_outbox_parked ON pay.shop_outbox (id) WHERE done_at IS NULL AND due_at = 'infinity';
