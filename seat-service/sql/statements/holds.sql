-- holds.sql: what was sold, and the tables `holds` and `act`, which the auditor writes by replay.

-- A page of an event's sold seats: those after seat `after` in plan order, at most `most`.
-- statement: sold_list
--> event    text
--> after    integer signed
--> most     bigint
--< seat     integer
--< hold     bigint
--< seq      bigint
--< order_id text
SELECT s.seat, s.hold, s.seq, s.order_id
FROM sold s
JOIN event e ON e.no = s.event
WHERE e.id = :event AND s.seat > :after
ORDER BY s.seat
LIMIT :most;

-- A page of the sold standing places: those of the holds after `after`, at most `most`.
-- statement: sold_area_list
--> event    text
--> after    bigint
--> most     bigint
--< hold     bigint
--< area     integer
--< places   integer
--< total    bigint
--< order_id text
SELECT s.hold, s.area, s.places, s.total, s.order_id
FROM sold_area s
JOIN event e ON e.no = s.event
WHERE e.id = :event AND s.hold > :after
ORDER BY s.hold
LIMIT :most;

-- statement: projected_seq
--> event integer signed
--< seq   bigint
SELECT seq FROM projected WHERE event = :event;

-- One row per hold, written only if the table is at change `was`: otherwise it returns no row. If a
-- field is NULL, or `order_id` is empty, the table keeps its value.
-- statement: holds_write
--> event           integer signed
--> was             bigint
--> seq             bigint
--> holds.hold      bigint
--> holds.state     text
--> holds.buyer     bigint null
--> holds.places    integer null
--> holds.area      integer null
--> holds.total     bigint null
--> holds.order_id  text
--> holds.taken     timestamptz null
--> holds.changed   timestamptz
--> holds.seq       bigint
--< event           integer signed
WITH stand AS (
    INSERT INTO projected (event, seq)
    SELECT :event, :seq
    WHERE :was = 0 OR EXISTS (SELECT FROM projected WHERE event = :event AND seq = :was)
    ON CONFLICT (event) DO UPDATE SET seq = excluded.seq WHERE projected.seq = :was
    RETURNING event
), written AS (
    INSERT INTO holds (event, hold, state, buyer, places, area, total, order_id, taken_at, changed_at, seq)
    SELECT stand.event, r.hold, r.state, coalesce(r.buyer, 0), coalesce(r.places, 0), r.area,
        coalesce(r.total, (SELECT h.total FROM holds h WHERE h.event = :event AND h.hold = r.hold), 0),
        r.order_id, coalesce(r.taken_at, r.changed_at), r.changed_at, r.seq
    FROM stand,
        UNNEST(:holds.hold, :holds.state, :holds.buyer, :holds.places, :holds.area, :holds.total,
                :holds.order_id, :holds.taken, :holds.changed, :holds.seq)
            AS r (hold, state, buyer, places, area, total, order_id, taken_at, changed_at, seq)
    ON CONFLICT (event, hold) DO UPDATE
    SET state = excluded.state,
        buyer = CASE WHEN excluded.buyer <> 0 THEN excluded.buyer ELSE holds.buyer END,
        places = CASE WHEN excluded.places > 0 THEN excluded.places ELSE holds.places END,
        total = excluded.total,
        order_id = CASE WHEN excluded.order_id <> '' THEN excluded.order_id ELSE holds.order_id END,
        changed_at = excluded.changed_at,
        seq = excluded.seq
)
SELECT event FROM stand;

-- Existing rows stay: a round that starts over writes the same rows again.
-- statement: acts_write
--> event           integer signed
--> acts.seq        bigint
--> acts.at         timestamptz
--> acts.kind       smallint
--> acts.quantity   integer
--> acts.first_seat integer null
--> acts.last_seat  integer null
--> acts.area       integer null
--> acts.category   integer null
--> acts.price      bigint null
--> acts.price_was  bigint null
--> acts.reason     text
--> acts.who        text null
INSERT INTO act (event, seq, at, kind, quantity, first_seat, last_seat, area, category, price, price_was,
    reason, who)
SELECT :event, a.*
FROM UNNEST(:acts.seq, :acts.at, :acts.kind, :acts.quantity, :acts.first_seat, :acts.last_seat,
        :acts.area, :acts.category, :acts.price, :acts.price_was, :acts.reason, :acts.who)
    AS a (seq, at, kind, quantity, first_seat, last_seat, area, category, price, price_was, reason, who)
ON CONFLICT DO NOTHING;

-- statement: acts_read
--> event      text
--> before     bigint
--> room       integer
--< seq        bigint
--< at         timestamptz
--< kind       integer
--< quantity   integer
--< first_seat integer null
--< last_seat  integer null
--< area       integer null
--< category   integer null
--< price      bigint null
--< price_was  bigint null
--< reason     text
--< who        text
SELECT a.seq, a.at, a.kind::integer AS kind, a.quantity, a.first_seat, a.last_seat, a.area, a.category,
    a.price, a.price_was, a.reason, a.who
FROM act a
JOIN event e ON e.no = a.event
WHERE e.id = :event AND a.seq < :before
UNION ALL
SELECT 1, created_at, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, '', imported_by
FROM event
WHERE id = :event AND :before > 1
ORDER BY seq DESC, category
LIMIT :room;
