-- 003_packs.sql: a row of the journal may hold several changes.
--
-- A row used to be one change: an index entry, a tuple header and a link of the chain for each fifty
-- bytes that matter. Under load a batch has a hundred changes, and they are now written as one row
-- (kind 0, see pack.h) that carries the number of its last change. A change that is alone in its
-- batch is still a row of its own kind. Rows written before this step are read as they always were.

ALTER TABLE journal ADD COLUMN changes smallint NOT NULL DEFAULT 1;

COMMENT ON COLUMN journal.seq IS 'of the last change of the row';
COMMENT ON COLUMN journal.kind IS 'of the only change of the row; 0: a pack of several';
COMMENT ON COLUMN journal.changes IS 'so many changes, the last of which is seq';
