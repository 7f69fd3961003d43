-- 002_holds.sql: each hold as reports want to see it, one row, its last state. Projected behind the
-- journal by the auditor thread; `projected` says how far. Nothing reads it to decide anything.

CREATE TABLE holds (
    event      integer NOT NULL,
    hold       bigint NOT NULL,
    state      text NOT NULL,
    buyer      bigint NOT NULL,
    places     integer NOT NULL,
    area       integer,
    total      bigint NOT NULL,
    order_id   text NOT NULL,
    taken_at   timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (event, hold)
);

CREATE TABLE projected (
    event integer PRIMARY KEY REFERENCES event,
    seq   bigint NOT NULL
);
