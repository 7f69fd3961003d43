-- 007_incarnation.sql: which making of an event the waiting room lets people into, as far as passes have
-- told: when it was made, and four of its random digits, so that a later one is greater. 0: none was told.
-- Passes of an earlier one are good for nothing.

ALTER TABLE event ADD COLUMN incarnation bigint NOT NULL DEFAULT 0;
