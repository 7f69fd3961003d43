-- 005_holds_room.sql: a row of `holds` changes two or three times in its life, and none of what changes
-- is indexed: with room on its page it is changed in place, without another entry in the index.

ALTER TABLE holds SET (fillfactor = 50);
