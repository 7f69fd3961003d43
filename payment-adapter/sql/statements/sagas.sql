-- The operator's view of sagas, and the operator's actions on them.

-- shape: saga
--< id         bigint
--< key        text
--< order_id   text
--< state      smallint enum saga_state
--< step       smallint
--< parked     boolean
--< cause      text
--< tries      integer
--< moves      integer
--< started_at text
--< step_at    text
--< due_at     text
--< ended_at   text
--< cancel     boolean
--< trace      text
--< leased     boolean

-- fragment: saga_columns()
s.id, s.key, s.subject AS order_id, s.state, s.step, s.parked, s.cause, s.tries, s.moves,
:iso(s.started_at) AS started_at, :iso(s.step_at) AS step_at, :iso(s.due_at) AS due_at,
:iso(s.ended_at) AS ended_at, s.cancel, s.trace, s.leased

-- fragment: newest_where(condition)
(
    SELECT *
    FROM saga s
    WHERE s.id < coalesce(:before, 9223372036854775807) AND :condition
    ORDER BY s.id DESC
    LIMIT :most
)

-- A page of the newest sagas, of one order or of all. Each value of `which` has an index of its own; PostgreSQL
-- evaluates only the requested branch.
-- statement: saga_list
--> which  text
--> order  text   null
--> before bigint null
--> most   bigint
--< saga.*
SELECT :saga_columns()
FROM (
    :newest_where(s.subject = :order
        AND (:which = 'all' OR (:which = 'parked' AND s.parked) OR (:which = 'open' AND :is_open(s))))
    UNION ALL
    :newest_where(:order IS NULL AND :which = 'all')
    UNION ALL
    :newest_where(:order IS NULL AND (:which = 'parked' OR (:which = 'open' AND :is_open(s)))
        AND s.parked)
    UNION ALL
    :newest_where(:order IS NULL AND :which = 'open' AND :is_open(s) AND NOT s.parked)
) s
ORDER BY s.id DESC
LIMIT :most;

-- statement: saga_read
--> id   bigint
--< saga.*
--< data text
SELECT :saga_columns(), s.data
FROM saga s
WHERE s.id = :id;

-- Forward in rising order of steps, backward in falling order.
-- statement: saga_steps
--> saga    bigint
--< step    smallint
--< undo    boolean
--< mark    smallint enum saga_mark
--< tried   integer
--< took_us integer
--< code    text
--< detail  text
--< at      text
--< who     text
SELECT t.step, t.undo, t.mark, t.tried, t.took_us, coalesce(t.code, '') AS code,
    coalesce(t.detail, '') AS detail, :iso(t.at) AS at, t.who
FROM saga_step t
WHERE t.saga = :saga
ORDER BY t.at, t.undo, CASE WHEN t.undo THEN -t.step ELSE t.step END, t.tried
LIMIT 1000;

-- An operator's act, as a step of the saga.
-- fragment: operator_step(undo, act)
INSERT INTO saga_step (saga, step, undo, attempt, mark, tried, took_us, code, detail, who)
SELECT id, step, :undo, moves, :SAGA_MARK_OPERATOR, 0, 0, :act, :reason, :who
FROM s

-- In the audit trail of the order's event, in addition to the saga's own step.
-- fragment: on_trail(act)
INSERT INTO audit (event, act, subject, actor, reason, detail, who)
SELECT orders.event, :act, orders.id, :ACTOR_OPERATOR, :reason, jsonb_build_object('saga', s.id), :who
FROM s
JOIN orders ON orders.id = s.subject

-- A parked saga continues, a sleeping one wakes at once. The new token fences the lease's holder. `moves` must be the
-- number that was read, so that the saga is still at that step. Only an order's newest saga sets its status.
-- statement: saga_retry
--> id     bigint
--> reason text
--> who    text null
--> status text enum order_status
--> moves  integer
--< id     bigint
WITH s AS (
    UPDATE saga s
    SET parked = false, due_at = now(), leased = false, wake = s.wake + 1, token = s.token + 1,
        tries = CASE WHEN s.parked THEN 0 ELSE s.tries END, moves = s.moves + 1, step_at = now(),
        cause = CASE WHEN s.state = :SAGA_RUNNING THEN '' ELSE s.cause END
    WHERE s.id = :id AND :is_open(s) AND s.moves = :moves
    RETURNING s.id, s.step, s.state, s.moves, s.subject, s.cause
), l AS (
    :operator_step(state = :SAGA_UNDOING, 'retry')
), a AS (
    :on_trail('saga-retried')
), o AS (
    UPDATE orders
    SET status = :status, cause = nullif(s.cause, ''), changed_at = now()
    FROM s
    WHERE orders.id = s.subject AND orders.status = :ORDER_PARKED
        AND NOT EXISTS (SELECT FROM saga n WHERE n.subject = s.subject AND n.id > s.id)
)
SELECT id
FROM s;

-- Only above the pivot, or at it if it was not tried or is parked, and while no worker tries a step: a capture under way
-- could take the money after its undo. The undo step was computed from the step that was read, so the saga must not have
-- moved since.
-- statement: saga_compensate
--> id     bigint
--> reason text
--> who    text null
--> undo   smallint
--> pivot  smallint
--> key    text
--> moves  integer
--< id     bigint
WITH s AS (
    UPDATE saga s
    SET parked = false, cancel = false, due_at = now(), leased = false, wake = s.wake + 1,
        token = s.token + 1, tries = 0, moves = s.moves + 1, step_at = now(),
        state = :SAGA_UNDOING, step = :undo, cause = :ACTOR_OPERATOR
    WHERE s.id = :id AND s.state = :SAGA_RUNNING AND s.key = :key AND s.moves = :moves
        AND NOT s.leased AND (s.step < :pivot OR s.step = :pivot AND (s.parked OR s.tries = 0))
    RETURNING s.id, s.step, s.moves, s.subject
), l AS (
    :operator_step(false, 'compensate')
), a AS (
    :on_trail('saga-compensated')
), o AS (
    UPDATE orders
    SET status = :ORDER_FAILED, cause = :ACTOR_OPERATOR, changed_at = now()
    FROM s
    WHERE orders.id = s.subject
)
SELECT id
FROM s;

-- Ends a refund of a sum that is parked at the step that was read, and that has voided no tickets. If the provider has
-- paid it after all, reconciliation reports that, and the same refund books it.
-- statement: saga_give_up
--> id     bigint
--> reason text
--> who    text null
--> moves  integer
--< id     bigint
WITH s AS (
    UPDATE saga s
    SET parked = false, state = :SAGA_UNDONE, cause = :ACTOR_OPERATOR, token = s.token + 1,
        moves = s.moves + 1, step_at = now(), ended_at = now()
    FROM orders o
    WHERE s.id = :id AND s.state = :SAGA_RUNNING AND s.parked AND s.moves = :moves
        AND o.id = s.subject AND o.moving = '[]'
    RETURNING s.id, s.step, s.moves, s.subject, s.data::jsonb->>'credit' AS number
), l AS (
    :operator_step(false, 'compensate')
), a AS (
    :on_trail('saga-compensated')
), o AS (
    UPDATE orders
    SET refund_amount = refund_amount - (credits->s.number->>'amount')::bigint,
        credits = credits - s.number, moving = NULL, moves = s.number::integer, changed_at = now()
    FROM s
    WHERE orders.id = s.subject
)
SELECT id
FROM s;
