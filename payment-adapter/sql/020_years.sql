-- outside a transaction
-- Indexes without which a statement reads a whole table.

-- An event's orders, to compare its seats. orders_hold begins with the event too, but leaves some orders out.
DROP INDEX CONCURRENTLY IF EXISTS pay.orders_event;
CREATE INDEX CONCURRENTLY orders_event ON pay.orders (event);

-- Letters that the shop has taken since the last run.
DROP INDEX CONCURRENTLY IF EXISTS pay.shop_outbox_done;
CREATE INDEX CONCURRENTLY shop_outbox_done ON pay.shop_outbox (done_at) WHERE done_at IS NOT NULL;

-- A member logs out everywhere.
DROP INDEX CONCURRENTLY IF EXISTS pay.session_member;
CREATE INDEX CONCURRENTLY session_member ON pay.session (member) WHERE revoked_at IS NULL;
