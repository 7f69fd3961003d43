-- Postponed events: earlier orders show the new date, and their buyers can get a full refund for a while.

-- Against the row `p`: not only another deadline, opening of the doors or picture.
-- fragment: has_another_date()
(excluded.show->'starts_at', coalesce(excluded.show->'venue', p.show->'venue'))
    IS DISTINCT FROM (p.show->'starts_at', p.show->'venue')

-- Another date or venue is mailed to every ticket holder and to the buyers of their orders. With the same ones nobody
-- gets a mail, and orders made since `at` are not concerned. What is not named stays, but for `doors_at`, which is
-- always named, and the hall's time zone. `off`: the event is cancelled, and nothing changes.
-- statement: event_postpone
--> event    text
--> show     jsonb
--> zone     text   null
--> until_ms bigint
--> reason   text
--> who      text   null
--< off      boolean
WITH p AS (
    INSERT INTO postponed_event AS p (event, show, refund_until, reason, who)
    SELECT :event, jsonb_strip_nulls(jsonb_build_object('time_zone', :zone)) || :show, :time_of_ms(:until_ms), :reason, :who
    WHERE NOT :is_cancelled(:event)
    ON CONFLICT (event) DO UPDATE
    SET times = p.times + (:has_another_date())::integer, show = p.show || excluded.show,
        refund_until = excluded.refund_until, reason = excluded.reason, who = excluded.who,
        at = CASE WHEN :has_another_date() THEN now() ELSE p.at END
    WHERE (p.show, p.refund_until) IS DISTINCT FROM (p.show || excluded.show, excluded.refund_until)
    RETURNING *
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, 'event-postponed', event, :ACTOR_OPERATOR, reason,
        show || jsonb_build_object('refund_until', :iso(refund_until)), who
    FROM p
), m AS (
    INSERT INTO mail_outbox (order_id, member, kind, lang)
    SELECT o.id, h.member, 'postponed-' || p.times, max(h.lang)
    FROM p
    JOIN orders o ON o.event = p.event AND o.status = :ORDER_COMPLETED
    JOIN ticket t ON t.order_id = o.id AND :is_unrevoked(t)
    CROSS JOIN LATERAL (VALUES (o.member, o.lang), (t.member, coalesce(t.lang, o.lang))) AS h (member, lang)
    WHERE p.at = now()
    GROUP BY 1, 2, 3
    ON CONFLICT (order_id, kind, member) DO NOTHING
)
SELECT :is_cancelled(:event) AS off;

-- Without `at` the event is not postponed.
-- statement: postponement
--> event text
--< doc   text
SELECT (coalesce(p.show, '{"starts_at": null, "doors_at": null}') || jsonb_build_object('event', e.event,
    'refund_until', :iso(p.refund_until), 'reason', p.reason, 'who', p.who, 'at', :iso(p.at),
    'times', coalesce(p.times, 0), 'mails_waiting', (
        SELECT count(*)
        FROM orders o
        JOIN mail_outbox b ON b.order_id = o.id AND b.kind = 'postponed-' || p.times AND b.done_at IS NULL
        WHERE o.event = p.event
    )))::text AS doc
FROM (SELECT :event AS event) e
LEFT JOIN postponed_event p USING (event);
