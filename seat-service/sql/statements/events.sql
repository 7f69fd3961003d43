-- events.sql: the list of events, and their documents.

-- Rows after (changed, no), in the order of the transactions that wrote them. The next walk begins at this one's
-- first `horizon`, the oldest transaction then running: its rows may become visible after those of later ones.
-- After a restore from a dump, rows may have numbers of future transactions. Only the walk from 0 lists these.
-- statement: events_changed
--> since       bigint signed
--> changed     bigint signed
--> after       integer signed
--> room        integer
--< no          integer signed
--< id          text
--< incarnation bigint
--< retired     boolean
--< asleep      boolean
--< due         timestamptz null
--< asked       boolean
--< document    integer
--< changed     bigint signed
--< horizon     bigint signed
SELECT no, id, incarnation, retired_at IS NOT NULL AS retired, asleep_at IS NOT NULL AS asleep, due_at AS due,
    asked_at IS NOT NULL AS asked, coalesce(octet_length(body), 0) AS document, changed,
    pg_snapshot_xmin(s)::text::bigint AS horizon
FROM event
    LEFT JOIN owner o ON o.event = no
    LEFT JOIN LATERAL (SELECT body FROM document d WHERE d.event = no ORDER BY since DESC LIMIT 1) d ON TRUE,
    pg_current_snapshot() s
WHERE (changed, no) > (:changed, :after)
    AND (:since = 0 OR changed < pg_snapshot_xmax(s)::text::bigint)
ORDER BY changed, no
LIMIT :room;

-- Writes the rows even if nothing changes, so that all processes read them again. Skips locked rows. `asked_ms`: the
-- event's first request; 0: one of its holds has ended, or it is awake. Events that are not in `woken` have no room yet.
-- They stay asleep, and the process that wakes them later reads from `owner` when they were first requested. Nor is any
-- woken if another process wakes events at the same time, or has woken one that is not among `known`.
-- statement: events_wake
--> class         integer signed
--> list          text
--> known         integer[] signed
--> since         bigint signed
--> rows.event    integer signed
--> rows.asked_ms bigint
--> woken         integer[] signed
WITH m AS MATERIALIZED (
    SELECT may_wake(:class, :list, :known, :since) AS may
), e AS (
    SELECT no, asked_ms
    FROM event
    JOIN UNNEST(:rows.event, :rows.asked_ms) AS r (event, asked_ms) ON no = r.event
    JOIN m ON may OR no <> ALL (:woken)
    FOR NO KEY UPDATE OF event SKIP LOCKED
), o AS (
    SELECT event, asked_ms
    FROM e
    JOIN owner ON event = no
    WHERE asked_ms > 0
    FOR NO KEY UPDATE OF owner SKIP LOCKED
), d AS (
    UPDATE owner SET asked_at = coalesce(asked_at, to_timestamp(asked_ms / 1000.0)) FROM o WHERE owner.event = o.event
)
UPDATE event
SET asleep_at = CASE WHEN e.no <> ALL (:woken) THEN asleep_at END
FROM e
WHERE event.no = e.no AND (asked_ms = 0 OR e.no IN (SELECT event FROM o));

-- Only its owner puts an event to sleep. `due_ms`: when its next hold ends; 0: it has none. If that time has
-- passed the event stays awake, because a payment may have been refused while it was closed. Skips locked rows.
-- `epoch`: the statement may arrive late, over a broken connection, when the event has been woken under another
-- epoch and has other holds.
-- statement: event_sleep
--> event  integer signed
--> epoch  bigint
--> due_ms bigint
WITH o AS (
    SELECT event FROM owner WHERE event = :event AND epoch = :epoch FOR NO KEY UPDATE SKIP LOCKED
), e AS (
    SELECT no
    FROM o
    JOIN event ON no = o.event
    WHERE asleep_at IS NULL AND retired_at IS NULL
        AND coalesce(to_timestamp(nullif(:due_ms, 0) / 1000.0) > clock_timestamp(), TRUE)
    FOR NO KEY UPDATE OF event SKIP LOCKED
), s AS (
    UPDATE event SET asleep_at = now() FROM e WHERE event.no = e.no RETURNING e.no
)
UPDATE owner SET due_at = to_timestamp(nullif(:due_ms, 0) / 1000.0), asked_at = NULL FROM s WHERE event = s.no;

-- The document that was valid at change `seq`.
-- statement: document_of
--> event integer signed
--> seq   bigint
--< body  bytea
--< since bigint
--< base  bigint
--< places integer
--< at    timestamptz
SELECT d.body, d.since, d.base, d.places, coalesce(j.at, 'epoch') AS at
FROM document d
LEFT JOIN journal j ON j.event = d.event AND j.seq = d.since
WHERE d.event = :event AND d.since BETWEEN 1 AND :seq
ORDER BY d.since DESC
LIMIT 1;

-- statement: document_offer
--> id   text
--> hash bytea
--> body bytea borrow
INSERT INTO document (event, hash, body, since)
SELECT no, :hash, :body, 0 FROM event WHERE id = :id
ON CONFLICT (event, since) DO UPDATE SET hash = excluded.hash, body = excluded.body;

-- Makes the offered document valid from change `seq`. `whole`: earlier changes are about other seats.
-- statement: document_turn
--> event integer signed
--> hash  bytea
--> seq   bigint
--> whole boolean
--> places integer
UPDATE document
SET since = :seq, places = CASE WHEN :whole THEN 0 ELSE :places END, base = CASE WHEN :whole THEN :seq ELSE (
    SELECT max(base) FROM document WHERE event = :event AND since > 0) END
WHERE event = :event AND since = 0 AND hash = :hash;

-- Stores later incarnations that passes have named. Never returns to an earlier one. Skips locked rows: `found` is the
-- number of the others.
-- statement: events_renew
--> rows.event       text
--> rows.incarnation bigint
--< found            bigint
WITH r AS (
    SELECT event.no, r.incarnation
    FROM event
    JOIN UNNEST(:rows.event, :rows.incarnation) AS r (id, incarnation) ON event.id = r.id
    FOR NO KEY UPDATE OF event SKIP LOCKED
), u AS (
    UPDATE event SET incarnation = r.incarnation FROM r WHERE event.no = r.no AND event.incarnation < r.incarnation
)
SELECT count(*) AS found FROM r;

-- If the id is taken, even by a retired event, nothing is written and no row returned.
-- statement: event_create
--> id    text
--> hash  bytea
--> body  bytea borrow
--> chain bytea
--> who   text
--< no    integer signed
WITH e AS (
    INSERT INTO event (id, imported_by)
    SELECT :id, nullif(:who, '')
    WHERE NOT EXISTS (SELECT FROM retired WHERE event = :id)
    ON CONFLICT DO NOTHING
    RETURNING no
), d AS (
    INSERT INTO document (event, hash, body) SELECT no, :hash, :body FROM e
), o AS (
    INSERT INTO owner (event, chain) SELECT no, :chain FROM e
)
SELECT no FROM e;
