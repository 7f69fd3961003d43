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

-- Takes or releases shared locks. Their keys are messages to other processes (locks_shared).
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

-- The keys of other sessions' shared locks. A session idle for `silent_ms` is ignored: its process hangs or is cut off.
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

-- Raises the epochs of events whose row no other transaction, such as a running commit, has locked. So the returned
-- end of the journal is final (owner_raise), and no event waits for another. Epoch 0: the epoch is not `was`.
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

-- Changes nothing, but locks the row like a commit. So it waits for a raise that is under way, and for the disk and
-- the replicas, because a server that was replaced proves nothing.
-- statement: owner_prove
--> event integer signed
--> epoch bigint
--> seq   bigint
--< epoch bigint
SELECT o.epoch
FROM owner o
WHERE o.event = :event AND o.epoch = :epoch AND (SELECT seq FROM head h WHERE h.event = :event) = :seq
FOR SHARE;

-- Those of these rows that no other transaction, such as a commit, has locked.
-- statement: owners_free
--> events integer[] signed
--< event  integer signed
SELECT event FROM owner WHERE event = ANY (:events) FOR NO KEY UPDATE SKIP LOCKED;

-- `asked_ms`: the first request for the event while it was asleep. 9223372036854775807: there was none, and a hold has
-- ended. Holds that ended before ended while no request had been refused. 0: one may have been, because the first hold
-- ended before this process began to lead (`since_ms`; 0: it does not). The second allows for different clocks.
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
    CASE WHEN :since_ms = 0 OR due_at < to_timestamp(:since_ms / 1000.0) THEN 0
        WHEN asked_at IS NOT NULL THEN (extract(epoch FROM asked_at) * 1000)::bigint
        WHEN due_at <= clock_timestamp() + interval '1 second' THEN 9223372036854775807 ELSE 0
    END AS asked_ms
FROM owner
JOIN head h USING (event)
WHERE event = ANY (:events);

-- Each event's owner, and the process that is to own it next.
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

-- The end of each event's journal, so that only journals that have grown are read, and its branch.
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

-- The holders of our locks, and whether lock_end_silent would end their sessions.
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

-- Ends backends that hold one of the locks and have been idle for so long that their process hangs
-- or is cut off, or have waited that long for the rest of a statement. A backend that is at work is
-- spared: then PostgreSQL is slow, and another owner would not be faster.
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

-- The server's clock, and its counters of WAL bytes and flushes.
-- statement: server_wal
--< bytes   bigint
--< flushes bigint
--< now     timestamptz
SELECT wal_bytes::bigint AS bytes, wal_sync::bigint AS flushes, clock_timestamp() AS now
FROM pg_stat_wal;
