-- Cancelled events (saga/cancellations.h). No new orders are made for them; existing ones are turned back or refunded,
-- a page per second.

-- fragment: is_cancelled(event)
EXISTS (SELECT FROM cancelled_event c WHERE c.event = :event)

-- No money of it is kept, and none of its tickets opens a door. What an operator settled elsewhere stays so, if the
-- provider has nothing left of it. A count, not EXISTS: for EXISTS, PostgreSQL may read all tickets.
-- fragment: is_given_back(o)
:o.status IN (:ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED, :ORDER_REFUNDED)
    OR :o.status = :ORDER_COMPLETED AND :o.moving IS NULL AND (
        :o.amount = coalesce(:o.refund_amount, 0) AND (
            SELECT count(*)
            FROM ticket t
            WHERE t.order_id = :o.id AND :is_unrevoked(t)
                AND (SELECT k.ticket FROM checkin k WHERE k.ticket = t.id) IS NULL
        ) = 0 OR :has_accepted(o) AND 0 >= ANY (:left_after_settling(o))
    )

-- Those few orders are read once, and not looked up for each order of the event.
-- fragment: has_accepted(o)
:o.id IN (SELECT a.order_id FROM drift_accepted a WHERE a.sum <> 0)

-- Once: a repetition changes nothing.
-- statement: event_cancel
--> event  text
--> reason text
--> who    text   null
WITH c AS (
    INSERT INTO cancelled_event (event, reason, who)
    SELECT :event, :reason, :who
    ON CONFLICT DO NOTHING
    RETURNING event
)
INSERT INTO audit (event, act, subject, actor, reason, who)
SELECT event, 'event-cancelled', event, :ACTOR_OPERATOR, :reason, :who
FROM c;

-- The progress; without `at` the event is not cancelled. Parked orders wait for an operator: their saga does, or an
-- accepted difference blocks their refund. A checkout that is parked above its pivot has no money.
-- statement: cancellation
--> event  text
--> pivots jsonb
--> listed integer
--< doc text
WITH o AS MATERIALIZED (
    SELECT o.id, o.number, o.status, o.moving, o.currency, o.amount, coalesce(o.refund_amount, 0) AS back,
        :is_given_back(o) AS ended, :has_accepted(o) AND :is_settled_elsewhere(o) AS settled
    FROM orders o
    WHERE :is_cancelled(:event) AND o.event = :event
        AND o.status NOT IN (:ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
), p AS MATERIALIZED (
    SELECT o.id, o.number, s.id AS saga, coalesce(s.cause, 'difference-accepted') AS cause,
        s.step < :pivot_of(s) AS unpaid
    FROM o
    LEFT JOIN saga s ON s.subject = o.id AND s.parked
    WHERE NOT o.ended AND (s.id IS NOT NULL OR o.settled)
)
SELECT jsonb_build_object('event', :event, 'reason', c.reason, 'who', c.who, 'at', :iso(c.at),
    'ended_at', :iso(c.ended_at),
    'orders', jsonb_build_object('all', sum.orders, 'given_back', sum.given_back,
        'under_way', sum.under_way, 'parked', (SELECT count(*) FROM p)),
    'money', jsonb_build_object('currency', sum.currency, 'paid', sum.paid, 'given_back', sum.back),
    'parked', coalesce((
        SELECT jsonb_agg(jsonb_build_object('order', id, 'number', number, 'saga', saga, 'cause', cause)
            ORDER BY id)
        FROM (SELECT * FROM p ORDER BY id LIMIT :listed) p
    ), '[]'))::text AS doc
FROM (
    SELECT max(currency) AS currency, count(*) AS orders, count(*) FILTER (WHERE ended) AS given_back,
        count(*) FILTER (WHERE NOT ended AND (status = :ORDER_REFUNDING OR moving IS NOT NULL)
            AND id NOT IN (SELECT id FROM p)) AS under_way,
        coalesce(sum(amount) FILTER (WHERE status NOT IN (:ORDER_PENDING_PAYMENT, :ORDER_CONFIRMING)
            AND id NOT IN (SELECT id FROM p WHERE unpaid)), 0) AS paid,
        coalesce(sum(back) FILTER (WHERE ended), 0) AS back
    FROM o
) sum
LEFT JOIN cancelled_event c ON c.event = :event;

-- The next orders of one cancelled event, or a row without an order. The process that takes the event leases it for
-- `lease_ms`; if it dies, another one takes it after that. `most` is how many refunds may begin now: at most `room`
-- are in progress, for all events together. A process that takes a page lets the other events wait almost a second, so that
-- they share the pace of one. Rows are locked in one order.
-- statement: cancelling_take
--> most     integer
--> room     integer
--> lease_ms integer
--< event    text
--< reason   text
--< who      text   null
--< most     bigint
--< order_id text   null
--< status   text   enum order_status null
--< moving   boolean
--< used     boolean
--< amount   bigint
--< seats    jsonb
WITH open AS MATERIALIZED (
    SELECT event, due_at
    FROM cancelled_event
    WHERE ended_at IS NULL
    ORDER BY event
    FOR UPDATE
), due AS MATERIALIZED (
    SELECT event
    FROM open
    WHERE due_at <= now()
    ORDER BY due_at
    LIMIT 1
), others AS (
    UPDATE cancelled_event c
    SET due_at = greatest(c.due_at, now() + interval '0.9 s')
    FROM due, open
    WHERE c.event = open.event AND c.event <> due.event
), n AS MATERIALIZED (
    SELECT least(:most, greatest(0, :room - count(*))) AS most
    FROM saga s
    WHERE :is_open(s) AND NOT s.parked AND (s.key LIKE 'refund.%' OR s.key LIKE 'credit.%')
), c AS (
    UPDATE cancelled_event c
    SET due_at = now() + CASE WHEN n.most > 0 THEN :ms(:lease_ms) ELSE '1 s' END
    FROM due, n
    WHERE c.event = due.event
    RETURNING c.*
)
SELECT c.event, c.reason, c.who, n.most, o.id AS order_id, o.status,
    o.moving IS NOT NULL AS moving, o.id IS NOT NULL AND EXISTS (
        SELECT FROM ticket t JOIN checkin k ON k.ticket = t.id WHERE t.order_id = o.id
    ) AS used, coalesce(o.amount - coalesce(o.refund_amount, 0), 0) AS amount,
    coalesce(o.seats, '[]') AS seats
FROM c
CROSS JOIN n
LEFT JOIN LATERAL (
    SELECT *
    FROM orders o
    WHERE o.event = c.event AND o.id > c.passed AND NOT (:is_given_back(o))
    ORDER BY o.id
    LIMIT n.most
) o ON true
ORDER BY o.id;

-- The page is done; without `passed` it was the last. The event has ended once a whole pass finds nothing left and the
-- cancellation is at least `groups_ms` old, so that no earlier group of statements is still running.
-- statement: cancelling_passed
--> event     text
--> passed    text null
--> pause_ms  integer
--> groups_ms integer
--< ended boolean
UPDATE cancelled_event c
SET passed = coalesce(:passed, ''), due_at = now() + :ms(:pause_ms),
    ended_at = CASE
        WHEN :passed IS NULL AND c.at < now() - :ms(:groups_ms) AND NOT EXISTS (
            SELECT FROM orders o WHERE o.event = c.event AND NOT (:is_given_back(o))
        ) THEN now()
    END
WHERE c.event = :event AND c.ended_at IS NULL
RETURNING c.ended_at IS NOT NULL AS ended;
