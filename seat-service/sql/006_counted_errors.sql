-- 006_counted_errors.sql: beside the counts of seats, how often visitors were answered 5xx. A sum, which
-- the next owner goes on with; of points that were written before this step it is not known and 0.

ALTER TABLE counted ADD COLUMN errors bigint NOT NULL DEFAULT 0;
