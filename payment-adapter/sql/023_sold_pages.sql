-- The seat service's list of what is sold comes in pages, since whoever passes it on must not need memory for fifty
-- thousand seats. Here they lie until the last has come and all are compared. A crash empties the table: what is
-- compared says how many pages it wants.
CREATE UNLOGGED TABLE pay.sold_page (
    reader text NOT NULL, -- a process that compares; each reads a list of its own
    part   integer NOT NULL, -- 0, 1, ...
    at     timestamptz NOT NULL DEFAULT now(),
    seats  jsonb NOT NULL,
    PRIMARY KEY (reader, part)
);
