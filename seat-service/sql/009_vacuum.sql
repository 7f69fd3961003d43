-- 009_vacuum.sql: how the tables are kept for years. By default PostgreSQL cleans a table once a fifth of
-- it is dead, or is new: of a hundred million rows twenty million, weeks late and all at once. Here it is
-- sooner, and less each time.

-- Never updated. What was added is looked at after half a million rows and frozen there and then: the
-- vacuum against wraparound, which nothing may put off, then finds no page of it left to write.
ALTER TABLE journal SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 500000, autovacuum_freeze_min_age = 0);
ALTER TABLE act SET (autovacuum_freeze_min_age = 0);

-- Two or three changes a hold, in place (fillfactor 50); what was not is cleaned in time.
ALTER TABLE holds SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 20000);

-- A queue: filled at one end and emptied at the other, where its reader begins. It must not have to walk
-- over what is gone.
ALTER TABLE ended_session SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- Half a megabyte a snapshot, of which the newest two of an event stay. The bytes are in the TOAST table
-- and are counted there by pieces of 2 KB: 20,000 are 40 MB.
ALTER TABLE snapshot SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000);
