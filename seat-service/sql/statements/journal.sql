-- journal.sql: appending to an event's journal, and reading it back.

-- The rows of a batch, and the journal's last change before them.
-- shape: batch
--> event        integer signed
--> epoch        bigint
--> before_seq   bigint
--> rows.seq     bigint
--> rows.at      timestamptz
--> rows.kind    smallint
--> rows.body    bytea
--> rows.chain   bytea
--> rows.changes smallint

-- One statement writes an event's part of a batch, if the epoch is the committer's and the journal ends
-- where the committer expects. All its writes join `fence`, so a process that has lost the epoch writes
-- nothing. The lock makes a raise of the epoch wait for a commit, and a commit for a raise. Within an
-- epoch only one session writes.
-- fragment: fence()
WITH fence AS (
    SELECT event, epoch
    FROM owner
    WHERE event = :event AND epoch = :epoch
        AND (SELECT coalesce(max(seq), 0) FROM journal WHERE event = :event) = :before_seq
    FOR SHARE
)

-- The arrays, mostly of one element, are unnested side by side in the select list. In FROM, each would
-- be materialised first.
-- fragment: append_rows()
INSERT INTO journal (seq, at, epoch, event, kind, body, chain, changes)
SELECT unnest(:rows.seq), unnest(:rows.at), fence.epoch, fence.event, unnest(:rows.kind),
    unnest(:rows.body), unnest(:rows.chain), unnest(:rows.changes)
FROM fence

-- For a batch that changes `sold` or `sold_area`. The writing parts of a statement run in no fixed order, so
-- a batch has only sales, only refunds or only moves. The other lists are empty.
-- statement: append prepared
--> batch.*
--> frees          integer[]
--> sells.seat     integer
--> sells.seq      bigint
--> sells.hold     bigint
--> sells.order_id text
--> moves.was      integer
--> moves.seat     integer
--> moves.seq      bigint
--> areas.hold     bigint
--> areas.area     integer
--> areas.places   integer
--> areas.total    bigint
--> areas.order_id text
--> area_frees.hold   bigint
--> area_frees.places integer
--> area_frees.total  bigint
:fence(), freed AS (
    DELETE FROM sold
    USING fence
    WHERE sold.event = fence.event AND sold.seat = ANY (:frees)
), sells AS (
    INSERT INTO sold (event, seat, seq, hold, order_id)
    SELECT fence.event, s.seat, s.seq, s.hold, s.order_id
    FROM fence,
        UNNEST(:sells.seat, :sells.seq, :sells.hold, :sells.order_id)
            AS s (seat, seq, hold, order_id)
), moves AS (
    UPDATE sold
    SET seat = m.seat, seq = m.seq
    FROM fence, UNNEST(:moves.was, :moves.seat, :moves.seq) AS m (was, seat, seq)
    WHERE sold.event = fence.event AND sold.seat = m.was
), area_sells AS (
    INSERT INTO sold_area (event, hold, area, places, total, order_id)
    SELECT fence.event, a.*
    FROM fence,
        UNNEST(:areas.hold, :areas.area, :areas.places, :areas.total, :areas.order_id)
            AS a (hold, area, places, total, order_id)
), area_freed AS (
    DELETE FROM sold_area
    USING fence, UNNEST(:area_frees.hold, :area_frees.places) AS f (hold, places)
    WHERE sold_area.event = fence.event AND sold_area.hold = f.hold AND sold_area.places = f.places
), area_less AS (
    UPDATE sold_area
    SET places = sold_area.places - f.places, total = sold_area.total - f.total
    FROM fence,
        UNNEST(:area_frees.hold, :area_frees.places, :area_frees.total) AS f (hold, places, total)
    WHERE sold_area.event = fence.event AND sold_area.hold = f.hold AND sold_area.places > f.places
)
:append_rows();

-- For the usual batch, which sells nothing: it takes a third less time to plan and to start.
-- statement: append_plain prepared
--> batch.*
:fence()
:append_rows();

-- statement: journal_link
--> event integer signed
--> seq   bigint
--< chain bytea
SELECT chain FROM journal WHERE event = :event AND seq = :seq;

-- The limit makes PostgreSQL walk the primary key, even if the table was never analysed. Without it,
-- PostgreSQL may sort the whole journal each time.
-- statement: journal_follow copy
--> event   integer signed
--> after   bigint
--> room    integer
--< seq     bigint
--< at      timestamptz
--< epoch   integer
--< kind    smallint
--< body    bytea
--< chain   bytea
--< changes smallint
SELECT seq, at, epoch, kind, body, chain, changes
FROM journal
WHERE event = :event AND seq > :after
ORDER BY seq
LIMIT :room;
