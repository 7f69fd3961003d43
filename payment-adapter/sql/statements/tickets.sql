-- Tickets: for their holder, transferred, and the list that a door reads in advance.

-- The order's tickets, with the names of their places and who may see them. A valid ticket that was transferred has
-- another holder than the buyer.
-- statement: order_tickets reads
--> order      text
--> hops_max   integer
--< id         text
--< seat       text
--< event      text
--< token      text
--< revoked    boolean
--< used       boolean
--< member     text
--< issued_at  text
--< event_name text
--< show       jsonb
--< starts_at  text
--< place_at   bigint
--< zone       text
--< row        text
--< number     text
--< label      text
--< category   text
--< tone       text
--< entrance   text
--< floor      text
--< buyer      text
--< offered_to text
--< may_offer  boolean
--< moved      text
--< status     text enum order_status
--< amount     bigint
--< off        boolean
SELECT t.id, t.seat, t.event, t.token,
    t.revoked_at IS NOT NULL OR gone.event IS NOT NULL AND c.ticket IS NULL AS revoked,
    c.ticket IS NOT NULL AS used, t.member, :iso(t.issued_at) AS issued_at,
    :event_name(o) AS event_name, :show(o) AS show, coalesce(:show(o)->>'starts_at', '') AS starts_at,
    coalesce(p.at, 0) AS place_at, coalesce(p.place->>'zone', '') AS zone,
    coalesce(p.place->>'row', '') AS row, coalesce(p.place->>'number', '') AS number,
    coalesce(p.place->>'label', '') AS label, coalesce(p.place->>'category', '') AS category,
    coalesce(1 + ((p.place->>'category_rank')::int - 1) % 5, 0)::text AS tone,
    coalesce(p.place->>'entrance', '') AS entrance, coalesce(p.place->>'floor', '') AS floor,
    o.member AS buyer,
    CASE WHEN t.revoked_at IS NULL THEN t.offered_to END AS offered_to, :may_offer(t, :hops_max) AS may_offer,
    coalesce(:iso(o.moved_at), '') AS moved, o.status, o.amount, gone.event IS NOT NULL AS off
FROM ticket t
JOIN orders o ON o.id = t.order_id
:with_event(o)
LEFT JOIN checkin c ON c.ticket = t.id
LEFT JOIN LATERAL jsonb_array_elements(:all_places(o)) WITH ORDINALITY AS p (place, at)
    ON p.place->>'id' = t.seat
WHERE t.order_id = :order AND t.replaced_by IS NULL
ORDER BY p.at, t.seat
LIMIT 200;

-- A ticket that was taken counts as offered to its taker, whose call may be repeated.
-- statement: ticket_read
--> id         text
--< order_id   text
--< event      text
--< seat       text
--< member     text
--< purchase   text
--< offered_to text
SELECT t.order_id, t.event, t.seat, t.member, coalesce(o.purchase->>'digest', '') AS purchase,
    coalesce(t.offered_to, n.member, '') AS offered_to
FROM ticket t
JOIN orders o ON o.id = t.order_id
LEFT JOIN ticket n ON n.id = t.replaced_by AND n.member <> t.member AND :is_unrevoked(n)
WHERE t.id = :id;

-- Locks the ticket's order, like order_lock.
-- statement: ticket_lock
--> id text
SELECT
FROM orders
WHERE id = (SELECT order_id FROM ticket WHERE id = :id)
FOR NO KEY UPDATE;

-- Not used for entry, its event takes place, and the order is complete and not changing.
-- fragment: is_unused(t)
(SELECT c.ticket FROM checkin c WHERE c.ticket = :t.id) IS NULL AND NOT :is_cancelled(:t.event)
    AND EXISTS (
        SELECT FROM orders o
        WHERE o.id = :t.order_id AND o.status = :ORDER_COMPLETED AND NOT :is_moving(o, :t)
    )

-- fragment: may_offer(t, hops_max)
:is_unrevoked(:t) AND :t.hops < :hops_max AND :is_unused(:t)

-- After ticket_lock, as for a check-in. Without `to` the offer is withdrawn.
-- statement: ticket_offer
--> id       text
--> member   text
--> to       text null
--> hops_max integer
--< order_id text
UPDATE ticket t
SET offered_to = :to
WHERE t.id = :id AND t.member = :member AND :may_offer(t, :hops_max)
RETURNING t.order_id;

-- After ticket_lock. Voids the old ticket and issues a new one to the member it was offered to. A repeated
-- call returns the one that the first issued.
-- statement: ticket_accept
--> old      text
--> member   text
--> id       text
--> holder   text
--> kid      text
--> token    text
--> lang     text
--< ticket   text
--< order_id text
WITH old AS (
    UPDATE ticket t
    SET revoked_at = now(), replaced_by = :id, offered_to = NULL
    WHERE t.id = :old AND t.offered_to = :member AND :is_unrevoked(t) AND :is_unused(t)
    RETURNING t.order_id, t.event, t.seat, t.hops, t.standing
), new AS (
    INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token, lang, hops, standing)
    SELECT :id, order_id, event, seat, :member, :holder, :kid, :token, :lang, hops + 1, standing
    FROM old
    RETURNING id, order_id
)
SELECT id AS ticket, order_id
FROM new
UNION ALL
SELECT n.id, n.order_id
FROM ticket t
JOIN ticket n ON n.id = t.replaced_by AND n.member <> t.member AND :is_unrevoked(n)
WHERE t.id = :old AND n.member = :member;

-- A page of an event's list of revoked tickets, and of void orders.
-- statement: ticket_revoked
--> event text
--> after text
--> most  bigint
--< id    text
SELECT id
FROM (
    SELECT id
    FROM ticket
    WHERE event = :event AND revoked_at IS NOT NULL
    UNION ALL
    SELECT id
    FROM void_order
) listed
WHERE id > :after
ORDER BY id
LIMIT :most;

-- For an ended order in which reconciliation found valid tickets (tickets-left). No row: it has none.
-- statement: tickets_revoke
--> order   text
--> reason  text
--> who     text null
--< tickets bigint
WITH t AS (
    UPDATE ticket t
    SET revoked_at = now(), offered_to = NULL
    FROM orders o
    WHERE o.id = :order AND t.order_id = o.id AND :is_unrevoked(t)
        AND o.status IN (:ORDER_REFUNDED, :ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
    RETURNING t.id, o.event
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, 'tickets-revoked', :order, :ACTOR_OPERATOR, :reason,
        jsonb_build_object('tickets', jsonb_agg(id)), :who
    FROM t
    GROUP BY event
)
SELECT count(*) AS tickets
FROM t
HAVING count(*) > 0;
