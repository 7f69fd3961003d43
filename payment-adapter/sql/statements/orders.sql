-- Orders: create, read, watch, cancel, refund and move.
--
-- One statement creates the order and its saga. The same key, or the same hold, gives the same order however often it
-- is sent: the unique indexes decide.

-- shape: order
--< id            text
--< event         text
--< hold          text
--< member        text
--< status        text enum order_status
--< cause         text
--< currency      text
--< amount        bigint
--< seats         jsonb
--< provider      text
--< payment       text
--< secret        text
--< url           text
--< expires_at    text
--< created_at    text
--< idem_body     text
--< lang          text
--< event_name    text
--< show          jsonb
--< places        jsonb
--< refund_terms  jsonb
--< why_kept      text   null
--< refund_amount bigint null
--< purchase      text
--< fees          bigint
--< vat           bigint
--< moved_at      text
--< off           boolean
--< postponed     boolean

-- fragment: order_columns()
o.id, o.event, o.hold, o.member, o.status, coalesce(o.cause, '') AS cause, o.currency, o.amount,
o.seats, o.provider, coalesce(o.payment, '') AS payment, coalesce(o.secret, '') AS secret,
coalesce(o.url, '') AS url, :iso(o.expires_at) AS expires_at, :iso(o.created_at) AS created_at,
o.idem_body, o.lang, :event_name(o) AS event_name,
:show(o) AS show, o.places, :refund_terms(o) AS refund_terms,
CASE WHEN o.moving IS NULL THEN :why_kept(o) ELSE '' END AS why_kept,
o.refund_amount, coalesce(o.purchase->>'digest', '') AS purchase, :fees(o) AS fees,
:vat(o) AS vat, coalesce(:iso(o.moved_at), '') AS moved_at,
gone.event IS NOT NULL AS off, later.event IS NOT NULL AS postponed

-- An operator's changes to the order's event: `gone`, it is cancelled; `later`, it has another date than the order was
-- made for.
-- fragment: with_event(o)
LEFT JOIN cancelled_event gone ON gone.event = :o.event
LEFT JOIN postponed_event later ON later.event = :o.event AND later.at > :o.created_at

-- The event's name at the time of the order; older orders, without a name, have its id.
-- fragment: event_name(o)
coalesce(nullif(:o.event_name, ''), :o.event)

-- Needs with_event. When and where: {starts_at, doors_at, time_zone, venue, picture}, each if known.
-- fragment: show(o)
jsonb_strip_nulls(coalesce(:o.show, '{}') || jsonb_build_object('starts_at', :iso(:o.starts_at)) || coalesce(later.show, '{}'))

-- Parts of the amount, from the purchase, and never more than the amount; older orders, without a purchase, have none.
-- fragment: fees(o)
least(greatest(coalesce((:o.purchase->>'fees')::bigint, 0), 0), :o.amount)

-- fragment: vat(o)
least(greatest(coalesce((:o.purchase->>'vat')::bigint, 0), 0), :o.amount)

-- Needs with_event. The terms of the purchase, which the buyer saw before the payment, are binding; after a change of date an order can
-- be refunded.
-- fragment: refund_terms(o)
coalesce(CASE WHEN later.refund_until > now() THEN jsonb_build_object('by', :ACTOR_BUYER,
    'until', :iso(later.refund_until), 'percent', 100, 'handed_on', true) END,
    nullif(split_part(:o.purchase->>'terms', 'refund=', 2), '')::jsonb, refund_terms_of(:o.event, :o.starts_at))

-- No id: the event was cancelled before this key had an order (`off`), or an order with this key, or of this hold,
-- exists.
-- statement: order_create shares
--> id           text
--> event        text
--> hold         text
--> member       text
--> lang         text
--> provider     text
--> currency     text
--> amount       bigint
--> seats        jsonb
--> status       text enum order_status
--> idem_key     text
--> idem_body    text
--> expires_ms   bigint
--> event_name   text
--> show         jsonb
--> places       jsonb
--> purchase     jsonb
--> saga         text
--> trace        text
--> data         text
--< id           bigint  null
--< off          boolean
WITH t AS MATERIALIZED (
    SELECT :is_cancelled(:event) AND (
        SELECT o.id FROM orders o WHERE o.member = :member AND o.idem_key = :idem_key
    ) IS NULL AS off
), o AS (
    INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats, status,
        idem_key, idem_body, expires_at, event_name, starts_at, show, places, purchase)
    SELECT :id, :event, :hold, :member, :lang, :provider, :currency, :amount, :seats, :status,
        :idem_key, :idem_body, :time_of_ms(:expires_ms), :event_name,
        (:show->>'starts_at')::timestamptz, nullif(:show - 'starts_at', '{}'), :places, :purchase
    FROM t
    WHERE NOT t.off
    ON CONFLICT DO NOTHING
    RETURNING id
), s AS (
    INSERT INTO saga (key, subject, trace, data)
    SELECT :saga, o.id, :trace, :data
    FROM o
    RETURNING id
)
SELECT s.id, t.off
FROM t
LEFT JOIN s ON true;

-- By the key, or else by the hold; an order that the seat service refused never had the hold.
-- statement: order_by_idem reads
--> member   text
--> idem_key text
--> event    text
--> hold     text
--< order.*
--< idem_key text
SELECT :order_columns(), o.idem_key
FROM (
    SELECT o.*, 1 AS way
    FROM orders o
    WHERE o.member = :member AND o.idem_key = :idem_key
    UNION ALL
    SELECT o.*, 2
    FROM orders o
    WHERE o.event = :event AND o.hold = :hold AND (o.cause IS NULL
        OR o.cause NOT IN (:ORDER_CAUSE_BUYER_LIMIT, :ORDER_CAUSE_PURCHASE_DIFFERS))
) o
:with_event(o)
ORDER BY o.way
LIMIT 1;

-- statement: order_read reads
--> id text
--< order.*
SELECT :order_columns()
FROM orders o
:with_event(o)
WHERE o.id = :id;

-- An order by its number.
-- statement: order_numbered
--> number text
--< id     text
SELECT id
FROM orders
WHERE number = :number;

-- The order's event is retired: its rows no longer change (retire_seal in 001_pay.sql).
-- fragment: is_retired(id)
(SELECT g.id FROM retired_order g WHERE g.id = :id) IS NOT NULL

-- The event of an order that has been retired. Its buyer is no longer known here, so this is all that a caller with
-- its id gets.
-- statement: order_retired reads
--> id    text
--< event text
SELECT event
FROM retired_order
WHERE id = :id;

-- Those of these orders whose row has changed since the version that the caller has seen.
-- statement: orders_changed
--> ids     text[]
--> seen    text[]
--< order.*
--< version text
SELECT :order_columns(), o.xmin::text AS version
FROM unnest(:ids, :seen) AS w (id, seen)
JOIN orders o ON o.id = w.id
:with_event(o)
WHERE o.xmin::text IS DISTINCT FROM w.seen;

-- As in RFC 4180. An apostrophe precedes text that a spreadsheet would read as a formula.
-- fragment: csv(text)
'"' || regexp_replace(replace(:text, '"', '""'), '^([=+@\t\r-])', '''\1') || '"'

-- A page of the paid orders of an event: one line of CSV for each line of their purchases. An order without a purchase
-- has one line, without a place. An order's first line has what it refunded. A checkout that is parked above its pivot has
-- no money.
-- statement: order_lines
--> event    text
--> after    text
--> pivots   jsonb
--> most     bigint
--< order_id text
--< csv      text
WITH page AS MATERIALIZED (
    SELECT *
    FROM orders o
    WHERE event = :event AND id > :after
        AND status IN (:ORDER_COMPLETED, :ORDER_REFUNDING, :ORDER_REFUNDED, :ORDER_PARKED)
        AND NOT (status = :ORDER_PARKED AND EXISTS (
            SELECT FROM saga s WHERE s.subject = o.id AND s.step < :pivot_of(s) OFFSET 0))
    ORDER BY id
    LIMIT :most
)
SELECT o.id AS order_id, c.csv
FROM page o
CROSS JOIN LATERAL (
    SELECT string_agg(format(E'%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\r\n', o.id, o.status,
        :iso(o.created_at), o.currency, :csv(l->>'place'), l->>'standing', :csv(l->>'category'),
        l->>'price', l->>'count', l->>'fee', l->>'vat_basis_points', l->>'vat',
        o.purchase->>'digest', back.amount, :vat_of(back.amount)), '' ORDER BY at) AS csv
    FROM jsonb_array_elements(coalesce(o.purchase->'lines', '[null]')) WITH ORDINALITY AS e (l, at)
    CROSS JOIN LATERAL (SELECT CASE at WHEN 1 THEN coalesce(o.refund_amount, 0) ELSE 0 END AS amount) back
) c
ORDER BY o.id;

-- All steps of the order's sagas, and the sagas' states. A saga without recorded steps has a row without a step;
-- next_try_at is set if the saga sleeps.
-- statement: order_timeline reads
--> order       text
--< saga        bigint
--< key         text
--< step        smallint null
--< undo        boolean
--< mark        smallint enum saga_mark null
--< tried       integer null
--< took_us     integer null
--< code        text
--< at          text
--< state       smallint enum saga_state
--< now_at      smallint
--< parked      boolean
--< next_try_at text
SELECT s.id AS saga, s.key, t.step, t.undo, t.mark, t.tried, t.took_us, coalesce(t.code, '') AS code,
    :iso(t.at) AS at, s.state, s.step AS now_at, s.parked,
    CASE WHEN :is_open(s) AND NOT s.parked AND NOT s.leased THEN :iso(s.due_at) END AS next_try_at
FROM saga s
LEFT JOIN saga_step t ON t.saga = s.id
WHERE s.subject = :order
ORDER BY s.id + 0, t.at, t.tried
LIMIT 200;

-- A cancel is a flag, and can only be set while the saga is above its version's pivot.
-- statement: order_cancel
--> order  text
--> pivots jsonb
--< id     bigint
UPDATE saga s
SET cancel = true, :woken()
WHERE s.subject = :order AND :is_running_one(s) AND s.step < :pivot_of(s) AND NOT s.parked
RETURNING s.id;

-- From {"checkout.1": 4, ...}; NULL: the saga is no checkout.
-- fragment: pivot_of(s)
(:pivots->>:s.key)::smallint

-- Check-ins, transfers and refunds depend on rows in several tables that the others may be changing. So each first
-- locks the order's row, in a statement of its own. Its next statement then sees what the lock's previous holder
-- committed. NO KEY: rows that refer to an order may be written meanwhile.
-- statement: order_lock
--> id text
SELECT
FROM orders
WHERE id = :id
FOR NO KEY UPDATE;

-- A restore of the database forgets numbers that shop and provider have seen. So after each restore numbers continue
-- from the next hundred, or from the highest one here.
-- fragment: next_number(last)
1 + greatest(:last, 100 * restores())

-- A new round: each of an order's sagas has idempotency keys of its own at the provider.
-- fragment: next_round(id)
(SELECT :next_number(max(coalesce((s.data::jsonb->>'key_round')::integer, 0))) FROM saga s WHERE s.subject = :id)

-- An operator accepted that the provider has more or less of the order's payment than the order says. A refund names a
-- total to the provider, so it would repeat what was settled elsewhere, or take it for its own.
-- fragment: is_settled_elsewhere(o)
EXISTS (:left_after_settling(o))

-- What the provider still has of it; no row: it is not settled elsewhere.
-- fragment: left_after_settling(o)
SELECT m.captured - m.back - m.disputed
FROM drift_accepted a
:money_of(o)
WHERE a.order_id = :o.id AND a.payment = :o.payment AND a.sum <> 0
    AND a.sum = m.captured - m.back - m.disputed - order_keeps(:o.status, :o.amount, :o.refund_amount)

-- Applies to operators, too. Orders with used tickets are not refunded whole (order_credit).
-- fragment: is_unrefundable(o)
(:o.status <> :ORDER_COMPLETED OR :o.moving IS NOT NULL OR :is_retired(:o.id) OR EXISTS (
    SELECT FROM checkin c JOIN ticket t ON t.id = c.ticket WHERE t.order_id = :o.id
))

-- Needs with_event. Why the order's terms do not let its buyer refund it, as a code of api/refusals.h, like the other
-- reasons below; NULL: they do. A ticket that was transferred and came back blocks nothing: only the holders of the
-- valid tickets count.
-- fragment: why_kept(o)
CASE
    WHEN :is_unrefundable(:o) THEN 'not-refundable'
    WHEN gone.event IS NOT NULL THEN 'event-cancelled'
    WHEN :is_settled_elsewhere(:o) OR :refund_terms(:o)->>'by' <> :ACTOR_BUYER THEN 'refund-by-operator'
    WHEN now() > (:refund_terms(:o)->>'until')::timestamptz THEN 'refund-too-late'
    WHEN NOT (:refund_terms(:o)->>'handed_on')::boolean AND EXISTS (
        SELECT FROM ticket t
        WHERE t.order_id = :o.id AND t.member <> :o.member AND :is_unrevoked(t)
    ) THEN 'tickets-handed-on'
END

-- After order_lock. Returns why not, or NULL. A buyer's refund follows the order's terms, as its page does. An
-- operator gives a reason, and may name the percentage of what has not been refunded yet.
-- statement: order_refund
--> order   text
--> saga    text
--> trace   text
--> actor   text
--> reason  text    null
--> who     text    null
--> percent integer null
--< code    text
WITH o AS MATERIALIZED (
    SELECT o.id, o.amount, :refund_terms(o) AS terms, coalesce(o.refund_amount, 0) AS back, CASE
            WHEN :actor <> :ACTOR_OPERATOR THEN :why_kept(o)
            WHEN :is_unrefundable(o) THEN 'not-refundable'
            WHEN :is_settled_elsewhere(o) THEN 'difference-accepted'
        END AS code
    FROM orders o
    :with_event(o)
    WHERE o.id = :order
), u AS (
    UPDATE orders
    SET status = :ORDER_REFUNDING, changed_at = now(), refund_amount = least(o.amount, o.back +
        greatest(1, (o.amount - o.back) * coalesce(:percent, (o.terms->>'percent')::integer) / 100))
    FROM o
    WHERE orders.id = o.id AND o.code IS NULL
    RETURNING orders.id, orders.event, orders.refund_amount, o.back
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, 'refund', id, :actor, :reason, jsonb_build_object('amount', refund_amount - back),
        :who
    FROM u
), s AS (
    INSERT INTO saga (key, subject, trace, data)
    SELECT :saga, u.id, :trace,
        (c.data::jsonb || jsonb_build_object('refund', u.refund_amount,
            'key_round', :next_round(u.id)))::text
    FROM u
    JOIN saga c ON c.subject = u.id AND :is_checkout(c)
)
SELECT code
FROM o;

-- The price paid for an order's seat. A moved seat, whether old or new, has the price of its ticket's first seat.
-- Standing places are one line. NULL: the purchase does not say.
-- fragment: paid_for(o, seat)
(
    WITH RECURSIVE was AS (
        (
            SELECT t.id, t.seat
            FROM ticket t
            WHERE t.order_id = :o.id AND t.seat = :seat
            ORDER BY t.revoked_at DESC NULLS FIRST
            LIMIT 1
        )
        UNION
        SELECT t.id, t.seat
        FROM was
        JOIN ticket t ON t.order_id = :o.id AND t.replaced_by = was.id
    )
    SELECT max((l->>'price')::numeric)
    FROM jsonb_array_elements(:o.purchase->'lines') AS l
    WHERE :is_standing(o) OR l->>'place' = coalesce((
            SELECT was.seat
            FROM was
            WHERE NOT EXISTS (SELECT FROM ticket t WHERE t.order_id = :o.id AND t.replaced_by = was.id)
        ), :seat)
)

-- After order_lock: an operator refunds a part of the money. Returns why not, or NULL. The sum is `amount`, or what
-- the named places cost, fees included. With `free`, the unused tickets of these places become void and their seats
-- free; a used ticket keeps its seat. The same sum and places, in any order, for the same reason are one refund.
-- statement: order_credit
--> order   text
--> saga    text
--> trace   text
--> seats   jsonb   null
--> amount  bigint  null
--> free    boolean
--> reason  text
--> who     text    null
--> most    integer
--< code    text
--< status  text enum order_status
WITH o AS MATERIALIZED (
    SELECT o.id, o.event, o.amount, o.status, o.moving, :next_number(o.moves) AS number, o.lang, o.seats,
        o.places, o.credits, o.purchase, coalesce(o.refund_amount, 0) AS back, :fees(o) AS fees,
        :is_settled_elsewhere(o) AS elsewhere
    FROM orders o
    WHERE o.id = :order
), p AS MATERIALIZED (
    SELECT e.seat, o.seats ? e.seat AS ours, :paid_for(o, e.seat) AS price
    FROM o, jsonb_array_elements_text(coalesce(:seats, '[]')) AS e (seat)
), pays AS MATERIALIZED (
    SELECT coalesce(:amount, (
            SELECT CASE
                WHEN bool_and(p.price IS NOT NULL) AND (:free OR sum(p.price) > 0)
                    THEN floor(o.amount * sum(p.price) / greatest(1, o.amount - o.fees))::bigint
            END
            FROM p
        )) AS amount
    FROM o
), one AS MATERIALIZED (
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'amount', pays.amount, 'seats', (SELECT jsonb_agg(seat ORDER BY seat) FROM p),
        'reason', :reason)) AS credit
    FROM pays
), void AS MATERIALIZED (
    SELECT t.id AS ticket, t.seat AS "from", t.member, coalesce(t.lang, o.lang) AS lang
    FROM o
    JOIN ticket t ON t.order_id = o.id AND :is_unrevoked(t)
    JOIN p ON p.seat = t.seat
    WHERE :free AND NOT EXISTS (SELECT FROM checkin c WHERE c.ticket = t.id)
), no AS MATERIALIZED (
    SELECT CASE
        WHEN o.status NOT IN (:ORDER_COMPLETED, :ORDER_REFUNDED) OR o.moving IS NOT NULL
            OR (:free AND o.status <> :ORDER_COMPLETED) OR :is_retired(o.id)
            THEN 'not-refundable'
        WHEN o.elsewhere THEN 'difference-accepted'
        WHEN EXISTS (SELECT FROM jsonb_each(o.credits) AS c WHERE c.value - 'gone' = one.credit)
            THEN 'refunded-before'
        WHEN EXISTS (SELECT FROM p WHERE NOT ours) THEN 'seat-not-in-order'
        WHEN (SELECT count(*) FROM void) = jsonb_array_length(o.seats) THEN 'whole-order'
        WHEN pays.amount IS NULL THEN 'price-unknown'
        WHEN o.back + pays.amount > o.amount THEN 'refund-too-large'
        WHEN (SELECT count(*) FROM jsonb_object_keys(o.credits)) >= :most THEN 'too-many-refunds'
    END AS code
    FROM o, pays, one
), u AS (
    UPDATE orders
    SET changed_at = now(), refund_amount = o.back + pays.amount,
        moving = coalesce((SELECT jsonb_agg("from") FROM void), '[]'),
        credits = o.credits || jsonb_build_object(o.number, one.credit || jsonb_build_object(
            'gone', (
                SELECT coalesce(jsonb_agg(p), '[]')
                FROM jsonb_array_elements(o.places) AS p
                JOIN void ON void."from" = p->>'id'
            )))
    FROM o, pays, one, no
    WHERE orders.id = o.id AND no.code IS NULL
    RETURNING orders.id, orders.event, orders.refund_amount, o.number, pays.amount,
        jsonb_array_length(o.seats) - jsonb_array_length(orders.moving) AS kept, :is_standing(o) AS standing
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, 'credit', id, :ACTOR_OPERATOR, :reason, jsonb_strip_nulls(jsonb_build_object(
        'amount', amount, 'seats', :seats, 'freed', (SELECT jsonb_agg("from") FROM void))), :who
    FROM u
), s AS (
    INSERT INTO saga (key, subject, trace, data)
    SELECT :saga, u.id, :trace, (c.data::jsonb - 'seats' || jsonb_build_object(
        'refund', u.refund_amount, 'key_round', :next_round(u.id), 'credit', u.number,
        'move', u.number, 'kept', u.kept, 'standing', u.standing,
        'moves', coalesce((SELECT jsonb_agg(to_jsonb(void) ORDER BY "from") FROM void), '[]')))::text
    FROM u
    JOIN saga c ON c.subject = u.id AND :is_checkout(c)
)
SELECT no.code, o.status
FROM no, o;

-- fragment: trace_of_sale(id)
coalesce((SELECT max(s.trace) FROM saga s WHERE s.subject = :id AND :is_checkout(s)), '')

-- Run after order_refund or order_move: shop and buyer must get the order's message before that of its refund or move,
-- even if the checkout has not reached its last step. The engine may be writing the same messages; in this order, one
-- statement each, the two cannot deadlock.
-- statement: order_refund_shop
--> order text
INSERT INTO shop_outbox (order_id, member, kind, trace)
SELECT id, member, :LETTER_COMPLETED, :trace_of_sale(orders.id)
FROM orders
WHERE id = :order AND (status = :ORDER_REFUNDING OR moving IS NOT NULL)
ON CONFLICT (order_id, kind) DO NOTHING;

-- statement: order_refund_mail
--> order text
INSERT INTO mail_outbox (order_id, member, kind, lang, trace)
SELECT id, member, :LETTER_COMPLETED, lang, :trace_of_sale(orders.id)
FROM orders
WHERE id = :order AND (status = :ORDER_REFUNDING OR moving IS NOT NULL)
ON CONFLICT (order_id, kind, member) DO NOTHING;

-- After order_lock, for [{from, to}]. Returns why not, or NULL. Refuses a new seat that has a valid ticket; the seat
-- service checks whether it is held.
-- statement: order_move
--> order  text
--> saga   text
--> trace  text
--> seats  jsonb
--> reason text
--> who    text null
--< code   text
WITH o AS MATERIALIZED (
    SELECT id, event, status, moving, moves, lang
    FROM orders
    WHERE id = :order
), m AS MATERIALIZED (
    SELECT e.at, e.seat->>'from' AS "from", e.seat->>'to' AS "to", t.id AS ticket, t.member,
        coalesce(t.lang, o.lang) AS lang
    FROM o, jsonb_array_elements(:seats) WITH ORDINALITY AS e (seat, at)
    LEFT JOIN ticket t ON t.order_id = :order AND t.seat = e.seat->>'from'
        AND :is_unrevoked(t) AND (NOT t.standing OR t.seat = e.seat->>'to')
), no AS MATERIALIZED (
    SELECT CASE
        WHEN o.status <> :ORDER_COMPLETED OR o.moving IS NOT NULL OR :is_retired(o.id)
            THEN 'not-completed'
        WHEN EXISTS (SELECT FROM m WHERE ticket IS NULL) THEN 'seat-not-in-order'
        WHEN EXISTS (SELECT FROM m JOIN checkin c ON c.ticket = m.ticket) THEN 'ticket-used'
        WHEN EXISTS (
            SELECT FROM m
            JOIN ticket t ON t.event = o.event AND t.seat = m."to" AND t.revoked_at IS NULL
                AND NOT t.standing AND t.id <> m.ticket
        ) THEN 'seats-taken'
    END AS code
    FROM o
), u AS (
    UPDATE orders
    SET moving = (SELECT jsonb_agg(m."from") FROM m), changed_at = now()
    FROM no
    WHERE orders.id = :order AND no.code IS NULL
    RETURNING orders.id, orders.event, orders.moves
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, CASE WHEN (SELECT bool_and("from" = "to") FROM m) THEN 'tickets-renewed' ELSE 'move' END,
        id, :ACTOR_OPERATOR, :reason, jsonb_build_object('seats', :seats), :who
    FROM u
), s AS (
    INSERT INTO saga (key, subject, trace, data)
    SELECT :saga, u.id, :trace, (c.data::jsonb - 'seats' || jsonb_build_object(
        'move', :next_number(u.moves),
        'moves', (SELECT jsonb_agg(to_jsonb(m) - 'at' ORDER BY m.at) FROM m)))::text
    FROM u
    JOIN saga c ON c.subject = u.id AND :is_checkout(c)
)
SELECT code
FROM no;

-- statement: order_wake
--> order text
--< id    bigint
UPDATE saga s
SET :woken()
WHERE s.subject = :order AND :is_open_one(s) AND NOT s.parked
RETURNING s.id;

-- The payment key that the buyer's browser brought back from the provider: a hint, stored only while the order waits
-- for its payment. A later hint replaces it.
-- statement: order_hint
--> order       text
--> provider    text
--> amount      bigint
--> payment_key text
--< id          bigint
UPDATE saga s
SET data = jsonb_set(s.data::jsonb, '{payment_key}', to_jsonb(:payment_key))::text, :woken()
FROM orders o
WHERE o.id = :order AND o.provider = :provider AND o.amount = :amount
    AND o.status = :ORDER_PENDING_PAYMENT AND s.subject = o.id AND :is_checkout(s)
    AND :is_running_one(s) AND s.data::jsonb->>'payment_key' IS DISTINCT FROM :payment_key
RETURNING s.id;
