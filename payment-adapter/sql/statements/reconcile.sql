-- Does everybody agree: the providers' own lists, the sold seats, our orders, tickets and sagas, and what
-- the shop lists?

-- Where we stand in a provider's list of events, or in the shop's list of orders.
-- statement: reconcile_cursor
--> provider text
--< event    text
SELECT event
FROM reconcile_cursor
WHERE provider = :provider;

-- A page of a provider's events and, unless it is NULL, where we stand now. Numbers only rise, so
-- events may come in any order and any number of times. If a payment does not name its order, it is
-- the order that has this payment.
-- statement: reconcile_events
--> provider text
--> event    text null
--> rows     jsonb
WITH c AS (
    INSERT INTO reconcile_cursor (provider, event)
    SELECT :provider, :event
    WHERE :event IS NOT NULL
    ON CONFLICT (provider) DO UPDATE
    SET event = :event, at = now()
), e AS MATERIALIZED (
    SELECT *
    FROM jsonb_to_recordset(:rows) AS e (payment text, "order" text, amount bigint, captured bigint,
        refunded bigint, state smallint, "return" text, return_kind text, return_amount bigint,
        return_state smallint)
), back AS (
    INSERT INTO psp_return AS r (provider, id, payment, kind, amount, state)
    SELECT :provider, "return", min(payment), min(return_kind), max(return_amount), max(return_state)
    FROM e
    WHERE "return" <> ''
    GROUP BY "return"
    ON CONFLICT (provider, id) DO UPDATE
    SET amount = greatest(r.amount, excluded.amount), state = greatest(r.state, excluded.state),
        seen_at = now()
), r AS (
    SELECT payment, max(nullif("order", '')) AS order_id, max(amount) AS amount,
        max(captured) AS captured, max(refunded) AS refunded, max(state) AS state
    FROM e
    GROUP BY payment
)
INSERT INTO psp_payment AS p (provider, payment, order_id, amount, captured, refunded, state)
SELECT :provider, payment,
    coalesce(order_id, (SELECT min(o.id) FROM orders o WHERE o.payment = r.payment)),
    amount, captured, refunded, state
FROM r
ON CONFLICT (provider, payment) DO UPDATE
SET order_id = coalesce(p.order_id, excluded.order_id), amount = greatest(p.amount, excluded.amount),
    captured = greatest(p.captured, excluded.captured),
    refunded = greatest(p.refunded, excluded.refunded),
    state = greatest(p.state, excluded.state), seen_at = now();

-- The provider has forgotten where we stood: something was missed.
-- statement: reconcile_gap
--> provider text
UPDATE reconcile_cursor
SET gap_from = at, gap_at = now()
WHERE provider = :provider;

-- Is this an order id in our form (api/order_http.c)?
-- fragment: is_ours(id)
(coalesce(:id, '') ~ '^o_[A-Za-z0-9_-]{20}$')

-- The account may be shared: payments that name no order of ours are none of our business.
-- statement: reconcile_foreign
--< payments bigint
--< amount   bigint
SELECT count(*) AS payments, coalesce(sum(captured - back), 0)::bigint AS amount
FROM psp_money
WHERE captured > back AND NOT :is_ours(order_id);

-- A page of the orders that the shop has accepted.
-- statement: reconcile_shop
--> event text
--> rows  jsonb
WITH c AS (
    INSERT INTO reconcile_cursor (provider, event)
    VALUES ('shop', :event)
    ON CONFLICT (provider) DO UPDATE
    SET event = :event, at = now()
)
INSERT INTO shop_order (external_id, amount)
SELECT external_id, amount
FROM jsonb_to_recordset(:rows) AS r (external_id text, amount bigint)
ON CONFLICT (external_id) DO UPDATE
SET amount = excluded.amount, seen_at = now();

-- No kind of drift hides another: each is counted in full (of_kind), and listed up to a limit. What
-- is younger than the grace period is still on its way, and not drift.
-- shape: drift
--< kind    text
--< id      text
--< payment text
--< detail  text
--< of_kind bigint
--< nth     bigint

-- fragment: late()
late AS (SELECT now() - :ms(:grace_ms) AS at)

-- fragment: has_open_saga(id)
EXISTS (SELECT FROM saga s WHERE s.subject = :id AND :is_open(s))

-- fragment: good_tickets(o)
(SELECT count(*) FROM ticket t WHERE t.order_id = :o.id AND t.revoked_at IS NULL)

-- Our own tables. What we keep of a refund by its terms is ours, not money without an order. The
-- shop is compared only if its list is read at all.
-- statement: reconcile_drift
--> grace_ms bigint
--> most     bigint
--< drift.*
WITH :late()
SELECT n.kind, n.id, n.payment, n.detail, n.of_kind, n.nth
FROM (
    SELECT d.*, count(*) OVER (PARTITION BY kind) AS of_kind,
        row_number() OVER (PARTITION BY kind ORDER BY id, payment) AS nth
    FROM (
        SELECT 'completed-without-money' AS kind, o.id,
            coalesce(p.payment, o.payment, '') AS payment,
            format('captured %s of %s', coalesce(p.captured, 0), o.amount) AS detail
        FROM late, orders o
        LEFT JOIN psp_payment p ON p.provider = o.provider AND p.payment = o.payment
        WHERE o.status = :ORDER_COMPLETED AND o.changed_at < late.at
            AND coalesce(p.captured, 0) <> o.amount
        UNION ALL
        SELECT CASE WHEN m.failed > 0 THEN 'refund-failed' ELSE 'money-without-order' END,
            coalesce(m.order_id, ''), m.payment,
            format('captured %s, refunded %s, failed %s, order %s', m.captured, m.back, m.failed,
                coalesce(o.status, 'unknown'))
        FROM late, psp_money m
        LEFT JOIN orders o ON o.id = m.order_id
        WHERE m.captured > m.back + m.disputed AND m.seen_at < late.at AND :is_ours(m.order_id)
            AND (o.id IS NULL OR (o.changed_at < late.at
                AND o.status NOT IN (:ORDER_COMPLETED, :ORDER_REFUNDING, :ORDER_PARKED)
                AND NOT (o.status = :ORDER_REFUNDED
                    AND m.captured - m.back - m.disputed <= o.amount - o.refund_amount)))
        UNION ALL
        SELECT CASE
                WHEN m.back >= m.captured THEN 'given-back-without-refund'
                ELSE 'refunded-in-part'
            END,
            o.id, m.payment, format('captured %s, given back %s', m.captured, m.back)
        FROM late, psp_money m
        JOIN orders o ON o.provider = m.provider AND o.payment = m.payment
        WHERE m.captured > 0 AND m.back > 0 AND o.status = :ORDER_COMPLETED
            AND o.changed_at < late.at AND m.seen_at < late.at
        UNION ALL
        SELECT CASE r.state WHEN :PAYMENT_RETURN_OPEN THEN 'disputed' ELSE 'dispute-lost' END,
            o.id, r.payment, format('%s of %s, order %s', r.amount, o.amount, o.status)
        FROM psp_return r
        JOIN orders o ON o.provider = r.provider AND o.payment = r.payment
        WHERE r.kind = 'dispute' AND (r.state = :PAYMENT_RETURN_OPEN
            OR (r.state = :PAYMENT_RETURN_FAILED AND o.status = :ORDER_COMPLETED))
        UNION ALL
        SELECT 'events-missed', '', c.provider,
            format('read until %s, read again at %s', :iso(c.gap_from), :iso(c.gap_at))
        FROM reconcile_cursor c
        WHERE c.gap_at > now() - interval '7 days'
        UNION ALL
        SELECT 'captured-twice', p.order_id, max(p.payment), format('%s payments', count(*))
        FROM psp_money p
        WHERE p.captured > p.back + p.disputed AND p.order_id IS NOT NULL
        GROUP BY p.order_id
        HAVING count(*) > 1
        UNION ALL
        SELECT 'authorisation-left', o.id, p.payment, format('order %s', o.status)
        FROM late, psp_payment p
        JOIN orders o ON o.id = p.order_id
        WHERE p.state = :PAYMENT_AUTHORISED AND p.seen_at < late.at AND o.changed_at < late.at
            AND o.status IN (:ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
            AND NOT :has_open_saga(o.id)
        UNION ALL
        SELECT 'moving-without-saga', o.id, coalesce(o.payment, ''), format('order %s', o.status)
        FROM orders o
        WHERE o.status IN (:ORDER_PENDING_PAYMENT, :ORDER_CONFIRMING, :ORDER_REFUNDING)
            AND NOT :has_open_saga(o.id)
        UNION ALL
        SELECT 'tickets-missing', o.id, coalesce(o.payment, ''),
            format('%s tickets for %s seats', :good_tickets(o), jsonb_array_length(o.seats))
        FROM orders o
        WHERE o.status = :ORDER_COMPLETED AND o.moving IS NULL
            AND jsonb_array_length(o.seats) <> :good_tickets(o)
        UNION ALL
        SELECT 'tickets-left', o.id, coalesce(o.payment, ''), format('order %s', o.status)
        FROM orders o
        WHERE o.status IN (:ORDER_REFUNDED, :ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
            AND EXISTS (SELECT FROM ticket t WHERE t.order_id = o.id AND t.revoked_at IS NULL)
        UNION ALL
        SELECT 'parked', s.subject, s.id::text, format('saga at step %s: %s', s.step, s.cause)
        FROM saga s
        WHERE s.parked
        UNION ALL
        SELECT 'not-at-shop', b.order_id, b.kind, coalesce(b.error, 'waiting')
        FROM late, shop_outbox b
        WHERE b.done_at IS NULL AND b.made_at < late.at AND b.error IS NOT NULL
        UNION ALL
        SELECT 'lost-at-shop', b.order_id, b.kind, format('handed over at %s', b.done_at)
        FROM late, shop_outbox b
        JOIN reconcile_cursor c ON c.provider = 'shop'
        WHERE b.kind = :LETTER_COMPLETED AND b.done_at < late.at AND c.at > b.done_at
            AND NOT EXISTS (SELECT FROM shop_order p WHERE p.external_id = b.order_id)
        UNION ALL
        SELECT 'other-amount-at-shop', o.id, '', format('%s there, %s here', p.amount, o.amount)
        FROM shop_order p
        JOIN orders o ON o.id = p.external_id
        WHERE p.amount <> o.amount
        UNION ALL
        SELECT 'unknown-at-shop', '', p.external_id, format('amount %s', p.amount)
        FROM shop_order p
        WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = p.external_id)
    ) d
) n
WHERE n.nth <= :most
ORDER BY n.kind, n.id;

-- The seat service's list of what is sold, [{"seat", "order", ...}], as received. Seats, orders and
-- tickets must agree on whose each seat is. Places of areas are numbered within their order, and
-- are left out.
-- statement: reconcile_seats
--> event    text
--> grace_ms bigint
--> sold     jsonb
--> most     bigint
--< drift.*
WITH :late(), sold AS (
    SELECT e->>'seat' AS seat, coalesce(e->>'order', '') AS id
    FROM jsonb_array_elements(:sold) AS e
    WHERE e->>'seat' IS NOT NULL
), ours AS (
    SELECT o.id, o.status, o.changed_at, e.seat
    FROM orders o, jsonb_array_elements_text(o.seats) AS e (seat)
    WHERE o.event = :event
), good AS (
    SELECT t.id, t.seat, t.order_id, t.issued_at < late.at AND o.changed_at < late.at AS old
    FROM late, ticket t
    JOIN orders o ON o.id = t.order_id
    WHERE t.event = :event AND t.revoked_at IS NULL AND :is_numbered(t)
)
SELECT n.kind, n.id, n.payment, n.detail, n.of_kind, n.nth
FROM (
    SELECT d.*, count(*) OVER (PARTITION BY kind) AS of_kind,
        row_number() OVER (PARTITION BY kind ORDER BY id, detail) AS nth
    FROM (
        SELECT 'seat-not-sold' AS kind, ours.id, '' AS payment,
            format('%s%s', ours.seat, coalesce(' is sold to ' || (
                SELECT max(sold.id) FROM sold WHERE sold.seat = ours.seat
            ), '')) AS detail
        FROM late, ours
        WHERE ours.status = :ORDER_COMPLETED AND ours.changed_at < late.at
            AND NOT EXISTS (SELECT FROM sold WHERE sold.seat = ours.seat AND sold.id = ours.id)
            AND :is_numbered(ours)
        UNION ALL
        SELECT 'sold-without-order', sold.id, '', sold.seat
        FROM sold
        WHERE NOT EXISTS (
            SELECT FROM late, ours
            WHERE ours.seat = sold.seat AND ours.id = sold.id AND (ours.changed_at >= late.at
                OR ours.status IN (:ORDER_COMPLETED, :ORDER_CONFIRMING, :ORDER_REFUNDING, :ORDER_PARKED)
                OR :has_open_saga(ours.id))
        )
        UNION ALL
        SELECT 'two-orders', max(id), '', format('%s: %s', seat, string_agg(id, ', ' ORDER BY id))
        FROM ours
        WHERE status = :ORDER_COMPLETED AND :is_numbered(ours)
        GROUP BY seat
        HAVING count(*) > 1
        UNION ALL
        SELECT 'two-tickets', max(order_id), '',
            format('%s: %s', seat, string_agg(format('%s of %s', id, order_id), ', ' ORDER BY id))
        FROM good
        GROUP BY seat
        HAVING count(*) > 1
        UNION ALL
        SELECT 'ticket-without-seat', good.order_id, '',
            format('%s for %s, which is %s', good.id, good.seat,
                coalesce('sold to ' || sold.id, 'not sold'))
        FROM good
        LEFT JOIN sold ON sold.seat = good.seat
        WHERE good.old AND sold.id IS DISTINCT FROM good.order_id
    ) d
) n
WHERE n.nth <= :most;

-- Events with an order that changed within a day.
-- statement: reconcile_events_sold
--< event text
SELECT DISTINCT event
FROM orders
WHERE changed_at > now() - interval '1 day'
LIMIT 16;
