-- Orders and errors over time, for the operator's charts: what happened within ten seconds each, and how
-- many orders were under way. What the sagas tell is reckoned from their rows, and would be once more if
-- this table were emptied; errors, `open` and `parked` are known here only.
CREATE TABLE pay.counted (
    event      text NOT NULL,        -- '': of the service, whichever the event
    at         timestamptz NOT NULL, -- the end of the ten seconds
    completed  integer NOT NULL DEFAULT 0,
    refunded   integer NOT NULL DEFAULT 0,
    cancelled  integer NOT NULL DEFAULT 0,
    expired    integer NOT NULL DEFAULT 0,
    failed     integer NOT NULL DEFAULT 0,
    unanswered integer NOT NULL DEFAULT 0, -- tries at a neighbour that may or may not have worked
    errors     integer NOT NULL DEFAULT 0, -- 5xx that visitors were answered
    open       integer, -- sagas at that time; NULL: nobody looked
    parked     integer,
    PRIMARY KEY (event, at)
);
CREATE INDEX counted_by_time ON pay.counted (at);
CREATE FUNCTION pay.counted_at(timestamptz) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT date_bin('10 s', $1, 'epoch') + interval '10 s'
$$;
-- Both are entered by the end of a saga and by a try in doubt, not by the steps in between.
CREATE INDEX saga_ended ON pay.saga (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX saga_step_unknown ON pay.saga_step (at) WHERE mark = 3;
