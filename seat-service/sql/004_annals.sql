-- 004_annals.sql: what is kept beside the journal. No seat hangs on it: it may be dropped, and costs
-- that sessions ended early are let in again until their passes run out, and a line in a graph.

-- Sessions that were ended before their pass ran out, by hash; `no` rises, so that an owner, and who
-- may become one, reads what is new to him. Rows whose time is over are dropped as others come.
CREATE TABLE ended_session (
    no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session bigint NOT NULL UNIQUE,
    until   timestamptz NOT NULL
);

-- Counts over time, a point in ten seconds, for a day.
CREATE TABLE counted (
    event   integer NOT NULL REFERENCES event,
    at      timestamptz NOT NULL,
    free    integer NOT NULL,
    held    integer NOT NULL,
    sold    integer NOT NULL,
    blocked integer NOT NULL,
    PRIMARY KEY (event, at)
);
