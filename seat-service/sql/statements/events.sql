-- events.sql: which events there are, and what they were imported from.

-- statement: events_after
--> after       integer signed
--> room        integer
--< no          integer signed
--< id          text
--< incarnation bigint
--< retired     boolean
SELECT no, id, incarnation, retired_at IS NOT NULL AS retired
FROM event
WHERE no > :after
ORDER BY no
LIMIT :room;

-- statement: document_of
--> event integer signed
--< body  bytea
SELECT body FROM document WHERE event = :event;

-- Passes have named later incarnations. An earlier one never comes back.
-- statement: events_renew
--> rows.event       text
--> rows.incarnation bigint
UPDATE event
SET incarnation = r.incarnation
FROM UNNEST(:rows.event, :rows.incarnation) AS r (id, incarnation)
WHERE event.id = r.id AND event.incarnation < r.incarnation;

-- If the id is taken, also by an event that was retired, this writes nothing and returns no row.
-- statement: event_create
--> id    text
--> hash  bytea
--> body  bytea borrow
--> chain bytea
--< no    integer signed
WITH e AS (
    INSERT INTO event (id)
    SELECT :id
    WHERE NOT EXISTS (SELECT FROM retired WHERE event = :id)
    ON CONFLICT DO NOTHING
    RETURNING no
), d AS (
    INSERT INTO document (event, hash, body) SELECT no, :hash, :body FROM e
), o AS (
    INSERT INTO owner (event, chain) SELECT no, :chain FROM e
)
SELECT no FROM e;
