-- How the tables are kept for years. By default PostgreSQL cleans a table once a fifth of it is dead, or is
-- new: of a hundred million rows twenty million, weeks late and all at once. Here it is sooner, and less
-- each time.

-- A dozen changes a saga, nearly all in place (fillfactor 40): an order changes as often as its saga tells.
-- What was not in place is dead in saga_due as well, which each lease reads from its front.
ALTER TABLE pay.saga SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);
ALTER TABLE pay.orders SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);

-- Queues in tables that only grow: each letter's row changes twice, and the index of what is due with it.
ALTER TABLE pay.shop_outbox SET (autovacuum_vacuum_scale_factor = 0.005,
    autovacuum_vacuum_threshold = 5000);
ALTER TABLE pay.mail_outbox SET (autovacuum_vacuum_scale_factor = 0.005,
    autovacuum_vacuum_threshold = 5000);

-- A provider tells of a payment three or four times, and only numbers change that no index has: with room
-- on the page in place.
ALTER TABLE pay.psp_payment SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.005,
    autovacuum_vacuum_threshold = 20000);

-- Swept by age, a few thousand rows at a time: what is gone lies where the sweep begins.
ALTER TABLE pay.session SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);
ALTER TABLE pay.webhook_event SET (autovacuum_vacuum_scale_factor = 0.005,
    autovacuum_vacuum_threshold = 20000);

-- Never updated. What was added is looked at after half a million rows and frozen there and then: the
-- vacuum against wraparound, which nothing may put off, then finds no page of it left to write.
ALTER TABLE pay.saga_step SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 500000, autovacuum_freeze_min_age = 0);
ALTER TABLE pay.audit SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 500000, autovacuum_freeze_min_age = 0);
