-- What a saga's move writes besides itself, in the same commit (core/checkout/effect.h): one statement per kind, with
-- the effects of all moves of the commit as one JSON array.
--
-- An effect is stored if its move is: it has the same token, and the number after the move. If it is sent again after
-- a lost answer, it matches again and changes nothing.

-- shape: effects
--> rows jsonb

-- The effects with the members of their kind, and their sagas. OFFSET 0 and the conditions after the first make the
-- planner expect few rows, so it looks up each by its key, even in a plan made when the tables were empty.
-- fragment: stored(members)
(
    SELECT r.*, s.key, s.data, s.started_at
    FROM jsonb_to_recordset(:rows)
        AS r (saga bigint, lease bigint, moves integer, "order" text, :members)
    JOIN LATERAL (SELECT token, moves, key, data, started_at FROM saga WHERE id = r.saga OFFSET 0) s
        ON s.token = r.lease AND s.moves = r.moves
    OFFSET 0
) r

-- A checkout in its last steps no longer changes the status of an order that is being refunded.
-- statement: effect_status
--> effects.*
UPDATE orders o
SET status = r.status, cause = nullif(r.cause, ''), changed_at = now()
FROM :stored(status text, cause text)
WHERE o.id = r."order"
    AND NOT (o.status IN (:ORDER_REFUNDING, :ORDER_REFUNDED) AND :is_checkout(r));

-- statement: effect_payment
--> effects.*
UPDATE orders o
SET payment = r.payment, secret = r.secret, url = coalesce(nullif(r.url, ''), o.url),
    changed_at = now()
FROM :stored(payment text, secret text, url text)
WHERE o.id = r."order";

-- statement: effect_expiry
--> effects.*
UPDATE orders o
SET expires_at = :time_of_ms(r.expires_ms), changed_at = now()
FROM :stored(expires_ms bigint)
WHERE o.id = r."order";

-- Any conflict is ignored: a ticket that cannot be issued must not stop the others of the commit. If another order has
-- a valid ticket for the seat, reconciliation reports both orders.
-- statement: effect_ticket
--> effects.*
INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token, standing)
SELECT r.ticket, r."order", r.event, r.seat, r.member, r.holder, r.kid, r.token, :is_standing(o)
FROM :stored(ticket text, event text, seat text, member text, holder text, kid text, token text)
JOIN orders o ON o.id = r."order"
ON CONFLICT DO NOTHING;

-- Each holder other than the buyer gets a mail, in the same commit.
-- statement: effect_revoke
--> effects.*
WITH gone AS (
    UPDATE ticket t
    SET revoked_at = now()
    FROM :stored(none text)
    WHERE t.order_id = r."order" AND :is_unrevoked(t)
    RETURNING t.order_id, t.member, t.lang
)
INSERT INTO mail_outbox (order_id, member, kind, lang)
SELECT g.order_id, g.member, :LETTER_REVOKED, max(coalesce(g.lang, o.lang))
FROM gone g
JOIN orders o ON o.id = g.order_id
WHERE g.member <> o.member
GROUP BY 1, 2
ON CONFLICT (order_id, kind, member) DO NOTHING;

-- Voids the tickets of the seats in the saga's data.
-- statement: effect_move_shut
--> effects.*
UPDATE ticket t
SET revoked_at = now(), offered_to = NULL
FROM :stored(none text)
CROSS JOIN LATERAL jsonb_array_elements(r.data::jsonb->'moves') AS m
WHERE t.id = m->>'ticket' AND t.order_id = r."order" AND :is_unrevoked(t);

-- Removes the places in the saga's data from the order.
-- statement: effect_part_freed
--> effects.*
UPDATE orders o
SET changed_at = now(), seats = (
        SELECT jsonb_agg(p ORDER BY at)
        FROM jsonb_array_elements(o.seats) WITH ORDINALITY AS p (p, at)
        WHERE NOT f.seats ? (p #>> '{}')
    ), places = (
        SELECT coalesce(jsonb_agg(p ORDER BY at), '[]')
        FROM jsonb_array_elements(o.places) WITH ORDINALITY AS p (p, at)
        WHERE NOT f.seats ? (p->>'id')
    )
FROM :stored(none text)
CROSS JOIN LATERAL (SELECT jsonb_path_query_array(r.data::jsonb, '$.moves[*].from') AS seats) f
WHERE o.id = r."order";

-- statement: effect_move_seats
--> effects.*
UPDATE orders o
SET places = r.places, changed_at = now(),
    seats = (
        SELECT jsonb_agg(p->'id' ORDER BY at)
        FROM jsonb_array_elements(r.places) WITH ORDINALITY AS p (p, at)
    )
FROM :stored(places jsonb)
WHERE o.id = r."order";

-- Like effect_ticket, but replaces an old ticket, which is no longer shown.
-- statement: effect_move_ticket
--> effects.*
WITH e AS MATERIALIZED (
    SELECT r.*
    FROM :stored(old text, ticket text, event text, seat text, holder text, kid text, token text)
), n AS (
    INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token, lang, hops, standing)
    SELECT e.ticket, e."order", e.event, e.seat, t.member, e.holder, e.kid, e.token, t.lang, t.hops, t.standing
    FROM e
    JOIN ticket t ON t.id = e.old
    ON CONFLICT DO NOTHING
    RETURNING id
)
UPDATE ticket t
SET replaced_by = n.id
FROM e
JOIN n ON n.id = e.ticket
WHERE t.id = e.old;

-- statement: effect_move_end
--> effects.*
UPDATE orders o
SET moving = NULL, moves = r.number, changed_at = now(),
    moved_at = CASE WHEN r.moved THEN now() ELSE o.moved_at END
FROM :stored(number integer, moved boolean)
WHERE o.id = r."order" AND o.moves < r.number;

-- statement: effect_shop
--> effects.*
INSERT INTO shop_outbox (order_id, member, kind, trace)
SELECT r."order", r.member, r.kind, r.trace
FROM :stored(member text, kind text, trace text)
ON CONFLICT (order_id, kind) DO NOTHING;

-- If the date changed while a saga was making tickets, event_postpone may have found none. So the mail about the new
-- date goes with the mail about the tickets.
-- statement: effect_mail
--> effects.*
INSERT INTO mail_outbox (order_id, member, kind, lang, trace)
SELECT r."order", r.member, k.kind, r.lang, r.trace
FROM :stored(member text, kind text, lang text, trace text)
CROSS JOIN LATERAL (
    SELECT r.kind
    UNION ALL
    SELECT 'postponed-' || p.times
    FROM orders o
    JOIN postponed_event p ON p.event = o.event AND p.at > r.started_at
    WHERE o.id = r."order" AND :word_of(r.kind) IN (:LETTER_COMPLETED, 'moved', 'renewed')
) k (kind)
ON CONFLICT (order_id, kind, member) DO NOTHING;
