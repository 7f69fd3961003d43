-- 008_acts.sql: seats that an operator took out of sale and gave back, for people to read. Made by
-- replay, as `holds` is: the auditor writes it behind the journal, and nothing reads it to decide
-- anything. What was done before this step is in the journal alone.
CREATE TABLE act (
    event      integer NOT NULL REFERENCES event,
    seq        bigint NOT NULL, -- of the change in the journal
    at         timestamptz NOT NULL,
    kind       smallint NOT NULL, -- of the change: 9 blocked, 10 unblocked
    quantity   integer NOT NULL,
    first_seat integer, -- in plan order; NULL: places of an area
    last_seat  integer,
    area       integer,
    reason     text NOT NULL,
    PRIMARY KEY (event, seq)
);
