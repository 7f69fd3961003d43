-- The saga engine's own statements: leasing due sagas, and storing their moves. effects.sql has what a move writes
-- besides itself.

-- Leases due sagas. Their tokens rise with each lease; a move with an older token is rejected. The due time doubles as
-- the lease's end, so a dead worker's sagas become due by themselves. `back_ms`: see store/look.h.
-- statement: lease
--> most     bigint
--> keys     text[]
--> lease_ms bigint
--> owner    text
--> back_ms  bigint
--< id       bigint
--< token    bigint
--< moves    integer
--< wake     integer
--< key      text
--< state    smallint enum saga_state
--< step     smallint
--< cancel   boolean
--< tries    integer
--< age_us   bigint signed
--< cause    text
--< trace    text
--< data     text
--< late_us  bigint
WITH due AS MATERIALIZED (
    SELECT s.id, s.due_at
    FROM saga s
    WHERE :is_open(s) AND NOT s.parked AND :is_due_since(s) AND s.key = ANY (:keys)
    ORDER BY s.due_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)
UPDATE saga s
SET token = s.token + 1, leased = true, owner = :owner, due_at = now() + :ms(:lease_ms)
FROM due
WHERE s.id = due.id
RETURNING s.id, s.token, s.moves, s.wake, s.key, s.state, s.step, s.cancel, s.tries,
    :age_us(s.step_at) AS age_us, s.cause, s.trace, s.data, :age_us(due.due_at) AS late_us;

-- Ends the leases whose answers an engine lost: all of its own but those that it has.
-- statement: lost
--> owner  text
--> held   bigint[]
--> tokens bigint[]
UPDATE saga s
SET token = s.token + 1, leased = false, due_at = now()
WHERE :is_open(s) AND NOT s.parked AND s.leased AND s.owner = :owner
    AND NOT EXISTS (
        SELECT FROM unnest(:held, :tokens) AS h (id, token) WHERE h.id = s.id AND h.token = s.token
    );

-- Open sagas of definitions that this program lacks: programs that have only `keys` do not run them.
-- statement: saga_unknown
--> keys text[]
--< key   text
--< sagas bigint
SELECT s.key, count(*) AS sagas
FROM saga s
WHERE :is_open(s) AND NOT s.parked AND s.key <> ALL (:keys)
GROUP BY s.key
ORDER BY s.key
LIMIT 16;

-- order_hint may change the row while the step runs: the newer hint wins.
-- fragment: with_hint(data, now)
jsonb_set(:data::jsonb, '{payment_key}', coalesce(:now::jsonb->'payment_key', '""'))::text

-- A batch of moves, as columns; the answer has a row for each, in their order. A lease that is kept (delay_ms below 0)
-- is renewed only after half of it, so that most moves touch no index.
--
-- The barrier: an effect of a step that is recorded is not recorded again. A move that does not apply now may have
-- been stored before under this very lease, with a lost answer: that counts as stored. The `rode` steps after a done
-- step were done with it.
-- statement: moves
--> id       bigint[]
--> token    bigint[]
--> moves    integer[]
--> wake     integer[]
--> at_step  smallint[]
--> undo     boolean[]
--> mark     smallint[]
--> tried    integer[]
--> took_us  integer[]
--> rode     smallint[]
--> code     text[]
--> detail   text[]
--> state    smallint[]
--> step     smallint[]
--> parked   boolean[]
--> tries    integer[]
--> delay_ms bigint[]
--> cause    text[]
--> data     text[]
--> lease_ms bigint
--< stored   boolean
--< cancel   boolean
--< wake     integer
--< left_us  bigint signed
WITH m AS MATERIALIZED (
    SELECT *
    FROM unnest(:id, :token, :moves, :wake, :at_step, :undo, :mark, :tried, :took_us, :rode, :code,
            :detail, :state, :step, :parked, :tries, :delay_ms, :cause, :data)
        WITH ORDINALITY AS m (id, token, moves, wake, at_step, undo, mark, tried, took_us, rode, code,
            detail, state, step, parked, tries, delay_ms, cause, data, nth)
), moved AS (
    UPDATE saga s
    SET state = m.state, step = m.step, parked = m.parked, tries = m.tries, moves = s.moves + 1,
        cause = coalesce(m.cause, ''), leased = m.delay_ms < 0,
        data = CASE
            WHEN m.data IS NULL THEN s.data
            WHEN s.wake <> m.wake THEN :with_hint(m.data, s.data)
            ELSE m.data
        END,
        step_at = CASE WHEN s.step <> m.step OR s.state <> m.state THEN now() ELSE s.step_at END,
        due_at = CASE
            WHEN m.delay_ms < 0 AND s.due_at < now() + :lease_ms * interval '0.5 ms'
                THEN now() + :ms(:lease_ms)
            WHEN m.delay_ms < 0 THEN s.due_at
            WHEN s.wake <> m.wake THEN now()
            ELSE now() + :ms(m.delay_ms)
        END,
        ended_at = CASE WHEN m.state >= :SAGA_COMPLETED THEN now() END
    FROM m
    WHERE s.id = m.id AND s.token = m.token AND s.moves = m.moves
        AND (m.mark <> :SAGA_MARK_DONE OR (
            SELECT b.attempt
            FROM saga_step b
            WHERE b.saga = m.id AND b.step = m.at_step AND b.undo = m.undo AND b.attempt = 0
        ) IS NULL)
    RETURNING m.nth, s.cancel, s.wake, :left_us(s.due_at) AS left_us
), logged AS (
    INSERT INTO saga_step (saga, step, undo, attempt, mark, tried, took_us, code, detail)
    SELECT m.id, m.at_step, m.undo,
        CASE WHEN m.mark = :SAGA_MARK_DONE THEN 0 ELSE m.moves + 1 END,
        m.mark, m.tried, m.took_us, m.code, m.detail
    FROM m
    JOIN moved USING (nth)
    WHERE m.mark <> :SAGA_MARK_DEFERRED
    UNION ALL
    SELECT m.id, m.at_step + behind, false, 0, m.mark, 1, 0, NULL, NULL
    FROM m
    JOIN moved USING (nth), generate_series(1, m.rode) AS behind
)
SELECT
    CASE
        WHEN moved.nth IS NOT NULL THEN true
        ELSE s.token = m.token AND s.moves = m.moves + 1
    END AS stored,
    coalesce(moved.cancel, s.cancel, false) AS cancel,
    coalesce(moved.wake, s.wake, 0) AS wake,
    coalesce(moved.left_us, :left_us(s.due_at), 0) AS left_us
FROM m
LEFT JOIN moved USING (nth)
LEFT JOIN saga s ON moved.nth IS NULL AND s.id = m.id
ORDER BY m.nth;

-- Ends the leases that this instance held before its restart; on a connection of its own.
-- statement: reclaim alone
--> instance text
UPDATE pay.saga s
SET token = s.token + 1, leased = false, due_at = now()
WHERE :is_open(s) AND NOT s.parked AND s.leased
    AND substr(s.owner, position('/' IN s.owner) + 1) = :instance;
