-- owner.sql: who may write an event. The lock says who may try, the epoch who may write.

-- statement: lock_try
--> class    integer signed
--> keys     integer[] signed
--< nth      bigint
--< got      boolean
SELECT nth, pg_try_advisory_lock(:class, key) AS got
FROM UNNEST(:keys) WITH ORDINALITY AS k (key, nth);

-- statement: lock_give_back
--> class integer signed
--> key   integer signed
--< done  boolean
SELECT pg_advisory_unlock(:class, :key) AS done;

-- A shared lock that shows its key to other processes: taken, or given back.
-- statement: lock_share
--> class integer signed
--> keys  integer[] signed
--> take  boolean
--< done  boolean
SELECT
    CASE
        WHEN :take THEN pg_try_advisory_lock_shared(:class, key) ELSE pg_advisory_unlock_shared(:class, key)
    END AS done
FROM UNNEST(:keys) AS k (key);

-- Keys that other sessions show. One that was idle for so long belongs to a process that hangs or is cut off.
-- statement: locks_shared
--> class     integer signed
--> silent_ms integer
--< key       integer signed
SELECT DISTINCT l.objid::integer AS key
FROM pg_locks l
JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = :class::oid AND l.objsubid = 2 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.pid <> pg_backend_pid()
    AND (a.state = 'active'
        OR clock_timestamp() - a.state_change < make_interval(secs => :silent_ms / 1000.0));

-- Raises the epochs of those whose rows nobody has locked, such as for a commit that is under way. So the position it
-- returns is final (001_seats.sql), and no event waits for another's. Epoch 0: it is not `was`.
-- statement: owners_raise
--> instance        text
--> address         text
--> private_address text
--> rows.event      integer signed
--> rows.was        bigint
--> rows.kept       bigint
--> rows.fresh      bigint
--< event           integer signed
--< epoch           bigint
--< seq             bigint
--< chain           bytea
--< line            bigint
--< line_before     bigint
--< line_began      bigint
WITH f AS MATERIALIZED (
    SELECT event FROM owner WHERE event = ANY (:rows.event) FOR NO KEY UPDATE SKIP LOCKED
)
SELECT f.event, coalesce(o.epoch, 0) AS epoch, coalesce(o.seq, 0) AS seq, coalesce(o.chain, '') AS chain,
    coalesce(o.line, 0) AS line, coalesce(o.line_before, 0) AS line_before, coalesce(o.line_began, 0) AS line_began
FROM f
JOIN UNNEST(:rows.event, :rows.was, :rows.kept, :rows.fresh) AS r (event, was, kept, fresh) USING (event)
LEFT JOIN LATERAL owner_raise(f.event, :instance, :address, :private_address, r.was, r.kept, r.fresh) o ON TRUE;

-- Changes nothing, and locks its row as a commit would: it waits for a raise that is under way, and for the
-- disk and the replicas, since a server that was replaced proves nothing.
-- statement: owner_prove
--> event integer signed
--> epoch bigint
--> seq   bigint
--< epoch bigint
SELECT o.epoch
FROM owner o
WHERE o.event = :event AND o.epoch = :epoch AND (SELECT seq FROM head h WHERE h.event = :event) = :seq
FOR SHARE;

-- Of these rows those that no other transaction has locked as a commit would.
-- statement: owners_free
--> events integer[] signed
--< event  integer signed
SELECT event FROM owner WHERE event = ANY (:events) FOR NO KEY UPDATE SKIP LOCKED;

-- `asked_ms`: holds that ended before this ended while nobody had been refused: the event slept, nobody had asked for it,
-- and this process was there to be asked, since `since_ms` (0: it was not). The clocks may differ by less than a second.
-- statement: owners_read
--> events   integer[] signed
--> instance text
--> since_ms bigint
--< event    integer signed
--< epoch    bigint
--< seq      bigint
--< chain    bytea
--< its      boolean
--< asked_ms bigint
SELECT event, epoch, h.seq, h.chain, instance = :instance AS its,
    CASE WHEN due_at BETWEEN to_timestamp(nullif(:since_ms, 0) / 1000.0) AND clock_timestamp() + interval '1 second'
        THEN coalesce((extract(epoch FROM asked_at) * 1000)::bigint, 9223372036854775807) ELSE 0
    END AS asked_ms
FROM owner
JOIN head h USING (event)
WHERE event = ANY (:events);

-- Where events are, and who is to have them next.
-- statement: owners_where
--> events          integer[] signed
--< event           integer signed
--< epoch           bigint
--< instance        text
--< address         text
--< private_address text
--< wanted          text
--< ready           text
SELECT event, epoch, instance, address, private_address,
    CASE WHEN wanted_until > clock_timestamp() THEN wanted ELSE '' END AS wanted, ready
FROM owner
WHERE event = ANY (:events);

-- How far the journals of events are, so that only those are read that have grown, and in which line.
-- statement: owners_heads
--> events integer[] signed
--< event       integer signed
--< seq         bigint
--< line        bigint
--< line_before bigint
--< line_began  bigint
SELECT event, seq, line, line_before, line_began
FROM owner
JOIN head USING (event)
WHERE event = ANY (:events);

-- statement: owner_want
--> event   text
--> wanted  text
--> wait_ms bigint
UPDATE owner
SET wanted = :wanted, wanted_until = clock_timestamp() + :wait_ms * interval '1 millisecond', ready = ''
FROM event e
WHERE owner.event = e.no AND e.id = :event;

-- statement: owner_ready
--> event    integer signed
--> wanted   text
--> instance text
UPDATE owner SET ready = :instance WHERE event = :event AND wanted = :wanted AND ready <> :instance;

-- Who holds which of our locks, and whether lock_end_silent would end it.
-- statement: locks_held
--> classes   integer[] signed
--> silent_ms integer
--< class     integer signed
--< key       integer signed
--< pid       integer signed
--< its       boolean
--< silent    boolean
SELECT l.classid::integer AS class, l.objid::integer AS key, l.pid, l.pid = pg_backend_pid() AS its,
    coalesce((a.state <> 'active' OR a.wait_event_type = 'Client')
        AND clock_timestamp() - a.state_change > make_interval(secs => :silent_ms / 1000.0),
        FALSE) AS silent
FROM pg_locks l
LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = ANY (:classes::oid[]) AND l.objsubid = 2 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- Ends backends that hold one of the locks and have been idle for so long that their program cannot
-- be well, or have waited that long in the middle of a statement for the rest of it. A backend that
-- is at work is left alone: then PostgreSQL is slow, and another owner would not be faster.
-- statement: lock_end_silent
--> class     integer signed
--> keys      integer[] signed
--> silent_ms integer
--< ended     boolean
SELECT pg_terminate_backend(a.pid) AS ended
FROM pg_locks l
JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = :class::oid
    AND l.objid = ANY (:keys::oid[]) AND l.objsubid = 2 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (a.state <> 'active' OR a.wait_event_type = 'Client')
    AND clock_timestamp() - a.state_change > make_interval(secs => :silent_ms / 1000.0);

-- Ends those of these backends that hold the lock, except this session's own.
-- statement: lock_end_backends
--> class    integer signed
--> key      integer signed
--> pids     integer[] signed
--< ended    boolean
SELECT pg_terminate_backend(pid) AS ended
FROM pg_locks
WHERE locktype = 'advisory' AND classid = :class::oid AND objid = :key::oid
    AND objsubid = 2 AND granted AND pid = ANY (:pids) AND pid <> pg_backend_pid();

-- What time it is there, how much WAL the server has written since its start, and how many flushes
-- that took.
-- statement: server_wal
--< bytes   bigint
--< flushes bigint
--< now     timestamptz
SELECT wal_bytes::bigint AS bytes, wal_sync::bigint AS flushes, clock_timestamp() AS now
FROM pg_stat_wal;
