-- Check-in, check-out, re-entry and undo at the doors; and the scanners. Everything is recorded in audit.
--
-- A check-in is a row under the ticket's own key: if ten gates scan the same ticket, one of them gets it.

-- When a ticket was scanned. A gate's clock may be fast, so a scan counts from its arrival at the latest, or it would
-- block its visitor's re-entry.
-- fragment: came_at(c)
least(:c.scanned_at, :c.recorded_at)

-- The same for display: a slow clock never shows a time before the ticket was issued.
-- fragment: shown_at(c, t)
greatest(:came_at(:c), :t.issued_at)

-- fragment: scan_detail()
CASE WHEN :at_ms IS NOT NULL THEN jsonb_build_object('scanned_at', :iso(:time_of_ms(:at_ms))) END

-- The gate sends a scan again that let the ticket in, perhaps first online and now offline; since then, a re-entry or
-- an undo may have changed the ticket's row.
-- fragment: is_resent()
EXISTS (
    SELECT
    FROM audit a
    WHERE a.subject = :ticket AND a.act IN ('in', 'in-again') AND a.gate = :gate AND a.detail = :scan_detail()
)

-- After ticket_lock. A scan that is sent again changes nothing, and after a check-out, only a later one lets in again.
-- Online scans use PostgreSQL's clock, like check-outs, and offline scans if their gate has sent its time.
-- statement: checkin
--> ticket  text
--> gate    text
--> at_ms   bigint  null
--> sent_ms bigint  null
--> offline boolean
--> event   text
--> actor   text
--> who     text    null
--< again   boolean
WITH i AS (
    INSERT INTO checkin AS c (ticket, gate, scanned_at, offline)
    SELECT t.id, :gate, CASE
            WHEN NOT :offline THEN now()
            WHEN :sent_ms IS NULL THEN :time_of_ms(:at_ms)
            ELSE to_timestamp(greatest(0, extract(epoch FROM now()) - greatest(0, :sent_ms - :at_ms) / 1000.0))
        END, :offline
    FROM ticket t
    JOIN orders o ON o.id = t.order_id
    WHERE t.id = :ticket AND t.event = :event AND :is_unrevoked(t)
        AND o.status = :ORDER_COMPLETED AND NOT :is_moving(o, t)
        AND (:offline OR NOT :is_cancelled(t.event)) AND NOT :is_resent()
    ON CONFLICT (ticket) DO UPDATE
    SET gate = excluded.gate, out_at = NULL, scanned_at = excluded.scanned_at,
        offline = excluded.offline, recorded_at = now(), entries = c.entries + 1
    WHERE c.out_at <= :came_at(excluded)
    RETURNING c.entries
)
INSERT INTO audit (event, act, subject, actor, gate, detail, who)
SELECT :event, CASE WHEN entries > 1 THEN 'in-again' ELSE 'in' END, :ticket, :actor, :gate,
    :scan_detail(), :who
FROM i
RETURNING act = 'in-again' AS again;

-- Why the ticket is refused, if the scan is not `resent`; no row: unknown ticket.
-- statement: checkin_why
--> ticket        text
--> gate          text
--> at_ms         bigint null
--> event         text
--< resent        boolean
--< other_event   boolean
--< revoked       boolean
--< status        text enum order_status
--< gate          text
--< scanned_at    text
SELECT :is_resent() AS resent, t.event <> :event AS other_event,
    t.revoked_at IS NOT NULL OR :is_moving(o, t) OR :is_cancelled(t.event) AS revoked, o.status, c.gate, :iso(:shown_at(c, t)) AS scanned_at
FROM ticket t
JOIN orders o ON o.id = t.order_id
LEFT JOIN checkin c ON c.ticket = t.id
WHERE t.id = :ticket;

-- After order_lock. A signed ticket that is missing here was lost by a restore of the database. It was issued in place
-- of another, so it is newer than the one that the order has for this seat, and replaces it unless that one was used
-- to enter.
-- statement: ticket_restore
--> ticket  text
--> order   text
--> event   text
--> seat    text
--> holder  text
--> kid     text
--> token   text
--> gate    text
--> actor   text
--> who     text null
WITH old AS (
    UPDATE ticket t
    SET revoked_at = now(), replaced_by = :ticket, offered_to = NULL
    WHERE t.order_id = :order AND t.event = :event AND t.seat = :seat AND :is_unrevoked(t)
        AND :is_unused(t) AND NOT EXISTS (SELECT FROM ticket k WHERE k.id = :ticket)
    RETURNING t.id, t.order_id, t.event, t.seat, t.member, t.lang, t.hops, t.standing
), a AS (
    INSERT INTO audit (event, act, subject, actor, gate, detail, who)
    SELECT event, 'ticket-restored', :ticket, :actor, :gate, jsonb_build_object('replaces', id), :who
    FROM old
)
INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token, lang, hops, standing)
SELECT :ticket, order_id, event, seat, member, :holder, :kid, :token, lang, hops, standing
FROM old;

-- A scan that lost: two doors without a network admitted the same ticket. Without `at_ms` it is an online scan of a
-- ticket that is missing here: the first one per gate is enough.
-- statement: checkin_conflict
--> ticket text
--> event  text
--> seat   text
--> order  text
--> gate   text
--> at_ms  bigint null
--> reason text
INSERT INTO checkin_conflict (ticket, event, seat, order_id, gate, scanned_at, reason)
SELECT :ticket, :event, :seat, :order, :gate, coalesce(:time_of_ms(:at_ms), now()), :reason
WHERE :at_ms IS NOT NULL OR NOT EXISTS (SELECT FROM checkin_conflict WHERE ticket = :ticket AND gate = :gate)
ON CONFLICT DO NOTHING;

-- The row stays, so the ticket stays used.
-- statement: checkout
--> ticket text
--> event  text
--> gate   text
--> actor  text
--> reason text
--> who    text null
--< act    text
WITH u AS (
    UPDATE checkin c
    SET out_at = greatest(now(), :came_at(c))
    FROM ticket t
    WHERE c.ticket = :ticket AND t.id = c.ticket AND t.event = :event AND c.out_at IS NULL
    RETURNING c.ticket
)
INSERT INTO audit (event, act, subject, actor, gate, reason, who)
SELECT :event, 'out', ticket, :actor, :gate, :reason, :who
FROM u
RETURNING act;

-- Only by the gate that admitted the ticket, and only soon after. A first entry is deleted; after a later one the
-- ticket counts as outside again. A ticket that becomes unused may be refunded, so the order's row is locked first.
-- statement: checkin_undo
--> ticket    text
--> event     text
--> gate      text
--> actor     text
--> reason    text
--> who       text   null
--> within_ms bigint
--< act       text
WITH c AS MATERIALIZED (
    SELECT c.ticket, c.entries
    FROM checkin c
    JOIN ticket t ON t.id = c.ticket
    WHERE c.ticket = :ticket AND t.event = :event AND c.gate = :gate AND c.out_at IS NULL
        AND c.recorded_at > now() - :ms(:within_ms)
), d AS (
    DELETE FROM checkin
    USING c
    WHERE checkin.ticket = c.ticket AND c.entries = 1
    RETURNING checkin.ticket
), u AS (
    UPDATE checkin
    SET out_at = :came_at(checkin), entries = c.entries - 1
    FROM c
    WHERE checkin.ticket = c.ticket AND c.entries > 1
    RETURNING checkin.ticket
)
INSERT INTO audit (event, act, subject, actor, gate, reason, who)
SELECT :event, 'undo', ticket, :actor, :gate, :reason, :who
FROM (SELECT ticket FROM d UNION ALL SELECT ticket FROM u) x
RETURNING act;

-- By the hash of its token.
-- statement: scanner_find
--> hash       text
--< id         text
--< event      text
--< gate       text
--< expires_at text
SELECT id, event, gate, :iso(expires_at) AS expires_at
FROM scanner
WHERE hash = :hash AND revoked_at IS NULL AND expires_at > now();

-- No row: the event has the maximum number of scanners.
-- statement: scanner_create
--> id         text
--> event      text
--> gate       text
--> hash       text
--> ttl_s      bigint
--> reason     text
--> who        text null
--> most       bigint
--< expires_at text
WITH s AS (
    INSERT INTO scanner (id, event, gate, hash, expires_at)
    SELECT :id, :event, :gate, :hash, now() + :ttl_s * interval '1 s'
    WHERE (
        SELECT count(*)
        FROM scanner
        WHERE event = :event AND revoked_at IS NULL AND expires_at > now()
    ) < :most
    RETURNING id, expires_at
), a AS (
    INSERT INTO audit (event, act, subject, actor, gate, reason, who)
    SELECT :event, 'scanner-created', id, :ACTOR_OPERATOR, :gate, :reason, :who
    FROM s
)
SELECT :iso(expires_at) AS expires_at
FROM s;

-- statement: scanner_list
--> event text
--< doc   text
SELECT jsonb_build_object('event', :event, 'scanners', coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
    'scanner', s.id, 'gate', s.gate, 'created_at', :iso(s.created_at), 'expires_at', :iso(s.expires_at),
    'revoked_at', :iso(s.revoked_at), 'good', s.revoked_at IS NULL AND s.expires_at > now()))
    ORDER BY s.created_at DESC), '[]'))::text AS doc
FROM (SELECT * FROM scanner WHERE event = :event ORDER BY created_at DESC LIMIT 1000) s;

-- Returns the id even if the scanner was revoked before.
-- statement: scanner_revoke
--> event  text
--> id     text
--> reason text
--> who    text null
--< id     text
WITH s AS (
    UPDATE scanner
    SET revoked_at = now()
    WHERE id = :id AND event = :event AND revoked_at IS NULL
    RETURNING id, gate
), a AS (
    INSERT INTO audit (event, act, subject, actor, gate, reason, who)
    SELECT :event, 'scanner-revoked', id, :ACTOR_OPERATOR, gate, :reason, :who
    FROM s
)
SELECT id
FROM scanner
WHERE id = :id AND event = :event;

-- statement: door_conflicts
--> event text
--< doc   text
SELECT jsonb_build_object('event', :event, 'entered', c.entered, 'inside', c.inside, 'conflicts', coalesce((
    SELECT jsonb_agg(jsonb_build_object('ticket', x.ticket, 'seat', x.seat, 'order', x.order_id, 'gate', x.gate,
        'scanned_at', x.shown_at, 'reason', x.reason, 'recorded_at', :iso(x.recorded_at)) ORDER BY x.recorded_at DESC)
    FROM (
        SELECT x.*, :iso(:shown_at(x, t)) AS shown_at
        FROM checkin_conflict x
        LEFT JOIN ticket t ON t.id = x.ticket
        WHERE x.event = :event
        ORDER BY x.recorded_at DESC
        LIMIT 500
    ) x
), '[]'))::text AS doc
FROM (
    SELECT count(*) AS entered, count(*) FILTER (WHERE c.out_at IS NULL) AS inside
    FROM ticket t
    CROSS JOIN LATERAL (SELECT out_at FROM checkin WHERE ticket = t.id OFFSET 0) c
    WHERE t.event = :event
) c;

-- statement: audit_list
--> event   text
--> before  bigint  null
--> subject text    null
--> scans   boolean
--> most    integer
--< doc     text
SELECT jsonb_build_object('event', :event, 'acts', coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
    'id', a.id, 'at', :iso(a.at), 'act', a.act, 'subject', a.subject, 'actor', a.actor, 'gate', a.gate,
    'reason', a.reason, 'who', a.who)) || CASE WHEN a.detail IS NULL THEN '{}' ELSE jsonb_build_object('detail', a.detail) END
    ORDER BY a.id DESC), '[]'))::text AS doc
FROM (
    SELECT *
    FROM audit
    WHERE event = :event AND (:before IS NULL OR id < :before) AND (:subject IS NULL OR subject = :subject)
        AND (:scans OR act NOT IN ('in', 'in-again', 'out'))
    ORDER BY id DESC
    LIMIT :most
) a;
