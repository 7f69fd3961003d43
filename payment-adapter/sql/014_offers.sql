-- A ticket that is handed on is offered, and is its owner's until the other member takes it. Whether
-- that member exists is nobody's business before that.
ALTER TABLE pay.ticket
    ADD COLUMN offered_to text,
    ADD COLUMN hops       integer NOT NULL DEFAULT 0; -- through how many hands it came
