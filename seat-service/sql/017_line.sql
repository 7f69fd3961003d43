-- 017_line.sql: whose history a number of the journal is of. After a restore to an earlier moment numbers come a
-- second time, with other changes: whoever saw the first ones has to be told that they are gone. So under each
-- owner the journal goes on under a new name, a random one, which restores with the row.

ALTER TABLE owner ADD COLUMN line bigint NOT NULL DEFAULT 0,
    ADD COLUMN line_began bigint NOT NULL DEFAULT 0,
    ADD COLUMN line_before bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN owner.line IS
'what the changes after line_began are told under; 0: never raised by a program that knows lines; an older one leaves it as it is';
COMMENT ON COLUMN owner.line_before IS 'what they were told under up to there';
