-- The help desk: orders as a table, one order with everything about it, and sending its mail again.

-- Search results, newest first, each by an index: by a number, by the id of an order or a ticket, by the member who
-- bought it or holds a ticket of it, by a seat of the event, or all of an event. `before` is the order after which the
-- page begins, made at `before_us`.
-- statement: order_search
--> number      text    null
--> word        text    null
--> mail_member text    null
--> event       text    null
--> row         text    null
--> seat        text    null
--> zone        text    null
--> listed      boolean
--> before_us   bigint  null
--> before      text    null
--> most        integer
--< doc         text
SELECT (jsonb_build_object('orders', coalesce(jsonb_agg(f.doc ORDER BY f.nth) FILTER (WHERE f.nth < :most), '[]')) ||
    CASE WHEN count(*) < :most THEN '{}' ELSE
        jsonb_build_object('before', max(f.before) FILTER (WHERE f.nth = :most - 1)) END)::text AS doc
FROM (
    SELECT row_number() OVER (ORDER BY o.created_at DESC, o.id DESC) AS nth,
        (extract(epoch FROM o.created_at) * 1000000)::bigint || '.' || o.id AS before,
        jsonb_strip_nulls(jsonb_build_object('order', o.id, 'order_number', o.number, 'event', o.event,
            'event_name', coalesce(:event_name(o), ''), 'member', o.member, 'status', o.status, 'reason', nullif(o.cause, ''),
            'currency', o.currency, 'amount', o.amount, 'refunded', coalesce(o.refund_amount, 0),
            'seats', jsonb_array_length(o.seats), 'created_at', :iso(o.created_at))) || jsonb_build_object('places', (
                SELECT coalesce(jsonb_agg(p.place - '{category,entrance,floor}'::text[] ORDER BY p.at), '[]')
                FROM jsonb_array_elements(o.places) WITH ORDINALITY AS p (place, at)
                WHERE p.at <= 10
            )) AS doc
    FROM (
        SELECT id FROM orders WHERE number = :number
        UNION
        SELECT order_id FROM ticket WHERE number = :number
        UNION
        SELECT id FROM orders WHERE id = :word
        UNION
        SELECT order_id FROM ticket WHERE id = :word
        UNION
        SELECT id FROM orders WHERE member IN (:word, :mail_member)
        UNION
        SELECT order_id FROM ticket WHERE member IN (:word, :mail_member)
        UNION
        SELECT order_id FROM ticket WHERE event = :event AND seat = :word AND revoked_at IS NULL AND NOT standing
        UNION
        SELECT o.id
        FROM orders o
        WHERE seat_words(o.event, o.places) @> ARRAY[upper(:event || ' ' || :row || ' ' || :seat)]
            AND (:zone IS NULL OR EXISTS (
                SELECT
                FROM jsonb_array_elements(o.places) AS p
                WHERE upper(p->>'row') = upper(:row) AND upper(p->>'number') = upper(:seat) AND p->>'zone' ILIKE :zone
            ))
        UNION (
            SELECT o.id
            FROM orders o
            WHERE :listed AND o.event = :event AND (o.created_at, o.id) < :page_end()
            ORDER BY o.created_at DESC, o.id DESC
            LIMIT :most
        )
    ) found
    JOIN orders o ON o.id = found.id
    WHERE (o.created_at, o.id) < :page_end()
    ORDER BY o.created_at DESC, o.id DESC
    LIMIT :most
) f;

-- fragment: page_end()
(coalesce(timestamptz 'epoch' + :us(:before_us), 'infinity'), coalesce(:before, ''))

-- A message's state, for the desk.
-- fragment: message(b)
'kind', :word_of(:b.kind), 'made_at', :iso(:b.made_at), 'done_at', :iso(:b.done_at), 'error', :b.error, 'state',
CASE WHEN :b.done_at IS NOT NULL THEN 'done' WHEN :b.due_at = 'infinity' THEN 'given-up' ELSE 'waiting' END

-- Everything known about an order, as JSON.
-- statement: order_desk
--> id  text
--< doc text
SELECT jsonb_strip_nulls(jsonb_build_object('order', o.id, 'order_number', o.number, 'event', o.event,
    'event_name', :event_name(o), 'starts_at', :show(o)->'starts_at', 'member', o.member, 'lang', o.lang,
    'status', o.status, 'reason', o.cause, 'provider', o.provider, 'payment', o.payment, 'currency', o.currency,
    'amount', o.amount, 'fees', :fees(o), 'refunded', coalesce(o.refund_amount, 0), 'created_at', :iso(o.created_at),
    'event_cancelled', nullif(gone.event IS NOT NULL, false), 'event_postponed', nullif(later.event IS NOT NULL, false),
    'moved_at', :iso(o.moved_at), 'seats', o.seats, 'moving', coalesce(o.moving, '[]'),
    'places', (
        SELECT coalesce(jsonb_agg(p.place || jsonb_build_object('price', :paid_for(o, p.place->>'id')) ORDER BY p.at), '[]')
        FROM jsonb_array_elements(o.places) WITH ORDINALITY AS p (place, at)
    ),
    'tickets', (
        SELECT coalesce(jsonb_agg(t.one ORDER BY t.issued_at, t.seat), '[]')
        FROM (
            SELECT t.issued_at, t.seat, jsonb_build_object('ticket', t.id, 'ticket_number', t.number, 'seat', t.seat,
                'member', t.member, 'offered_to', t.offered_to, 'issued_at', :iso(t.issued_at),
                'revoked_at', :iso(t.revoked_at), 'replaced_by', t.replaced_by, 'gate', c.gate,
                'scanned_at', CASE WHEN c.ticket IS NOT NULL THEN :iso(:shown_at(c, t)) END, 'out_at', :iso(c.out_at), 'state', CASE
                    WHEN t.revoked_at IS NOT NULL THEN 'revoked' WHEN c.ticket IS NOT NULL THEN 'used' ELSE 'valid'
                END) AS one
            FROM ticket t
            LEFT JOIN checkin c ON c.ticket = t.id
            WHERE t.order_id = o.id
            ORDER BY t.issued_at DESC
            LIMIT 300
        ) t
    ),
    'mails', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('mail', b.id, 'member', b.member, :message(b)) ORDER BY b.id), '[]')
        FROM (SELECT * FROM mail_outbox WHERE order_id = o.id ORDER BY id DESC LIMIT 200) b
    ),
    'letters', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('letter', b.id, :message(b)) ORDER BY b.id), '[]')
        FROM (SELECT * FROM shop_outbox WHERE order_id = o.id ORDER BY id DESC LIMIT 200) b
    ),
    'sagas', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('saga', s.id, 'definition', s.key, 'state', CASE
            WHEN s.parked THEN 'parked'
            WHEN s.state = :SAGA_RUNNING THEN 'running'
            WHEN s.state = :SAGA_UNDOING THEN 'undoing'
            WHEN s.state = :SAGA_COMPLETED THEN 'completed'
            ELSE 'undone'
        END, 'started_at', :iso(s.started_at), 'ended_at', :iso(s.ended_at)) ORDER BY s.id), '[]')
        FROM (SELECT * FROM saga WHERE subject = o.id ORDER BY saga.id + 0 DESC LIMIT 200) s
    ),
    'acts', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('act', a.act, 'at', :iso(a.at), 'subject', a.subject,
            'actor', a.actor, 'gate', a.gate, 'reason', a.reason, 'who', a.who, 'detail', a.detail) ORDER BY a.id), '[]')
        FROM (
            SELECT a.*
            FROM audit a
            WHERE a.subject IN (SELECT o.id UNION ALL SELECT t.id FROM ticket t WHERE t.order_id = o.id)
            ORDER BY a.id + 0 DESC
            LIMIT 200
        ) a
    )))::text AS doc
FROM orders o
:with_event(o)
WHERE o.id = :id;

-- Sends the mail with the tickets of a completed order again. The new id gives it another Message-ID: mail programs
-- hide a mail whose Message-ID they have seen.
-- statement: order_mail_again
--> order  text
--> reason text
--> who    text null
--< event  text
WITH b AS (
    INSERT INTO mail_outbox (order_id, member, kind, lang, trace)
    SELECT o.id, o.member, :LETTER_COMPLETED, o.lang, :trace_of_sale(o.id)
    FROM orders o
    WHERE o.id = :order AND o.status = :ORDER_COMPLETED
    ON CONFLICT (order_id, kind, member) DO UPDATE
    SET id = DEFAULT, done_at = NULL, due_at = now(), tries = 0, refused = 0, error = NULL
    RETURNING order_id
)
INSERT INTO audit (event, act, subject, actor, reason, who)
SELECT o.event, 'mail-again', o.id, :ACTOR_OPERATOR, :reason, :who
FROM b
JOIN orders o ON o.id = b.order_id
RETURNING event;

-- After order_lock: an operator offers tickets of an order to a member, as their holders can: all that are named, or
-- none. Without `seats`, all valid tickets of the order.
-- statement: order_transfer
--> order    text
--> seats    jsonb null
--> to       text
--> hops_max integer
--> reason   text
--> who      text null
--< event    text
WITH m AS MATERIALIZED (
    SELECT t.id, t.member <> :to AND :may_offer(t, :hops_max) AS good
    FROM ticket t
    WHERE t.order_id = :order AND :is_unrevoked(t) AND coalesce(:seats ? t.seat, true)
), u AS (
    UPDATE ticket t
    SET offered_to = :to
    FROM m
    WHERE t.id = m.id AND (SELECT bool_and(good) AND count(*) >= coalesce(jsonb_array_length(:seats), 1) FROM m)
    RETURNING t.event, t.seat
)
INSERT INTO audit (event, act, subject, actor, reason, detail, who)
SELECT min(event), 'transfer', :order, :ACTOR_OPERATOR, :reason,
    jsonb_build_object('to', :to, 'seats', jsonb_agg(seat ORDER BY seat)), :who
FROM u
HAVING count(*) > 0
RETURNING event;

-- The orders of a member, newest first: bought, or with a ticket that they hold or are offered.
-- statement: orders_mine
--> member     text
--< id         text
--< event_name text
--< show       jsonb
--< status     text enum order_status
--< seats      bigint
--< bought     boolean
--< offered    boolean
--< tickets    boolean
--< amount     bigint
--< off        boolean
SELECT o.id, :event_name(o) AS event_name, :show(o) AS show, o.status,
    jsonb_array_length(o.seats)::bigint AS seats, o.member = :member AS bought, EXISTS (
        SELECT
        FROM ticket t
        WHERE t.order_id = o.id AND t.offered_to = :member AND :is_unrevoked(t) AND :is_unused(t)
    ) AS offered, EXISTS (SELECT FROM ticket t WHERE t.order_id = o.id AND t.member = :member) AS tickets,
    o.amount, gone.event IS NOT NULL AS off
FROM (
    SELECT id FROM orders WHERE member = :member
    UNION
    SELECT order_id FROM ticket t WHERE member = :member AND :is_unrevoked(t)
    UNION
    SELECT order_id FROM ticket t WHERE offered_to = :member AND :is_unrevoked(t) AND :is_unused(t)
) mine
JOIN orders o ON o.id = mine.id
:with_event(o)
WHERE o.status NOT IN (:ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
ORDER BY o.created_at DESC, o.id DESC
LIMIT 200;
