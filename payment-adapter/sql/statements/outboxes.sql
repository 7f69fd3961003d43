-- Messages to the shop and mails to members: rows that are claimed, sent, and done or put back. The due time doubles
-- as a lease, so that no two instances claim the same row, and a dead worker's rows become due by themselves.

-- One customer's messages go in order: only the oldest open one is due, the others wait until it is done. A parked
-- message (never due) delays only those of its own order. The index shop_outbox_turns finds the previous one: no other
-- has this order, or this wording of "not done". With NOT EXISTS, PostgreSQL may compare all messages of a customer with
-- each other.
-- fragment: is_due(b)
:b.done_at IS NULL AND :is_due_since(b) AND coalesce((
    SELECT false
    FROM shop_outbox e
    WHERE e.member >= :b.member AND (e.member, e.id) < (:b.member, :b.id) AND num_nulls(e.done_at) = 1
        AND (e.due_at < 'infinity' OR e.order_id = :b.order_id)
    ORDER BY e.member DESC, e.id DESC
    LIMIT 1
), true)

-- The statement that claims messages also counts them against the shared pace, so the number of loops and processes
-- does not matter.
-- statement: shop_take
--> most          bigint
--> lease_ms      bigint
--> interval_us   bigint
--> burst_us      bigint
--> back_ms       bigint
--< id               bigint
--< kind             text
--< tries            integer
--< order_id         text
--< installation     text
--< member           text
--< event            text
--< event_name       text
--< show             jsonb
--< currency         text
--< amount           bigint
--< seats            jsonb
--< lines            jsonb
--< provider         text
--< payment          text
--< created_at       text
--< refund_amount    bigint null
--< refund_vat       bigint
--< refund_cause     text
--< purchase         text
--< terms            text
--< fees             bigint
--< vat              bigint
--< trace            text
--< late_us          bigint
WITH due AS MATERIALIZED (
    SELECT b.id, b.due_at
    FROM shop_outbox b
    WHERE :is_due(b)
    ORDER BY b.due_at
    LIMIT :most
    FOR UPDATE OF b SKIP LOCKED
), taken AS (
    SELECT id, due_at
    FROM due
    LIMIT coalesce((
        SELECT granted
        FROM (SELECT count(*) AS n FROM due HAVING count(*) > 0) wanted
        CROSS JOIN LATERAL pace_pay('shop', n, :interval_us, :burst_us)
    ), 0)
)
UPDATE shop_outbox b
SET due_at = now() + :ms(:lease_ms), tries = tries + 1
FROM taken, orders o
:with_event(o)
WHERE b.id = taken.id AND o.id = b.order_id
RETURNING b.id, b.kind, b.tries, o.id AS order_id, (SELECT id FROM installation) AS installation,
    o.member, o.event, :event_name(o) AS event_name, :show(o) AS show, o.currency, o.amount, o.seats,
    coalesce(o.purchase->'lines', '[]') AS lines, o.provider, coalesce(o.payment, '') AS payment, :iso(o.created_at) AS created_at,
    :given_back(b) AS refund_amount,
    coalesce(:vat_of(:back_before(b) + :given_back(b)) - :vat_of(:back_before(b)), 0) AS refund_vat,
    CASE WHEN :given_back(b) IS NOT NULL AND b.made_at >= gone.at THEN 'event-cancelled' ELSE '' END AS refund_cause,
    coalesce(o.purchase->>'digest', '') AS purchase, coalesce(o.purchase->>'terms', '') AS terms,
    :fees(o) AS fees, :vat(o) AS vat, b.trace, :age_us(taken.due_at) AS late_us;

-- A pause that the shop requests applies to all processes. Calls may run ahead of the paid moment by a burst less one,
-- so it is added: no call leaves during the pause.
-- statement: shop_pause
--> pause_ms    bigint
--> interval_us bigint
--> burst_us    bigint
SELECT FROM pace_pay('shop', 0, :interval_us, :burst_us, :pause_ms * 1000 + :burst_us - :interval_us);

-- statement: outbox_done shares
--> box smallint
--> id  bigint
WITH s AS (
    UPDATE outbox_streak SET refused = 0 WHERE box = :box AND refused > 0
)
UPDATE outbox
SET done_at = now(), error = NULL
WHERE box = :box AND id = :id;

-- Puts a message back. With refused_max it was refused: after that many consecutive refusals that count it is given up.
-- With streak_max, a message's first refusal counts in the streak. From that length on a refusal counts only against a
-- message that is older than held_max_ms.
-- statement: outbox_later
--> box          smallint
--> id           bigint
--> wait_ms      bigint
--> error        text
--> is_try       boolean
--> refused_max  integer
--> streak_max   integer
--> held_wait_ms bigint
--> held_max_ms  bigint
--< given_up     boolean
--< held         boolean
WITH s AS (
    UPDATE outbox_streak s
    SET refused = s.refused + (b.refused = 0)::integer
    FROM outbox b
    WHERE :streak_max > 0 AND s.box = :box AND b.box = :box AND b.id = :id
    RETURNING s.refused
)
UPDATE outbox b
SET error = :error, tries = CASE WHEN :is_try AND NOT h.held THEN b.tries ELSE b.tries - 1 END,
    refused = CASE
        WHEN h.held AND b.made_at >= now() - :ms(:held_max_ms) THEN b.refused
        WHEN :refused_max > 0 THEN b.refused + 1
        WHEN :is_try THEN 0
        ELSE b.refused
    END,
    due_at = CASE
        WHEN :refused_max > 0 AND b.refused + 1 >= :refused_max
            AND (NOT h.held OR b.made_at < now() - :ms(:held_max_ms)) THEN 'infinity'
        WHEN h.held THEN now() + :ms(least(:wait_ms, :held_wait_ms))
        ELSE now() + :ms(:wait_ms)
    END
FROM (SELECT coalesce((SELECT refused >= :streak_max FROM s), false) AS held) h
WHERE b.box = :box AND b.id = :id AND b.done_at IS NULL
RETURNING b.due_at = 'infinity' AS given_up, h.held;

-- fragment: is_given_up(b)
:b.done_at IS NULL AND :b.due_at = 'infinity'

-- statement: outbox_given_up
--> box  smallint
--> one  text
--> most integer
--< doc  text
SELECT jsonb_build_object(:one || 's', coalesce(jsonb_agg(jsonb_build_object(:one, b.id, 'order', b.order_id,
    'kind', b.kind, 'tries', b.tries, 'error', b.error, 'made_at', b.made_at) ORDER BY b.id), '[]'),
    'more', coalesce(max(b.total), 0) - count(*))::text AS doc
FROM (
    SELECT b.id, b.order_id, :word_of(b.kind) AS kind, b.tries, coalesce(b.error, '') AS error,
        :iso(b.made_at) AS made_at, count(*) OVER () AS total
    FROM outbox b
    WHERE b.box = :box AND :is_given_up(b)
    ORDER BY b.id
    LIMIT :most
) b;

-- The credit of a message like "credited-2"; NULL: it is about no credit.
-- fragment: credit_of(b)
CASE WHEN :word_of(:b.kind) = :LETTER_CREDITED THEN o.credits->split_part(:b.kind, '-', 2) END

-- The sum returned by the refund or credit that a message about order `o` reports; NULL: it reports none.
-- fragment: given_back(b)
CASE
    WHEN :b.kind = :ORDER_REFUNDED THEN coalesce(o.refund_amount, o.amount) - :credited(o)
    ELSE ((:credit_of(:b))->>'amount')::bigint
END

-- The sum that the order's earlier messages reported.
-- fragment: back_before(b)
(SELECT coalesce(sum(:given_back(e)), 0) FROM shop_outbox e WHERE e.order_id = o.id AND e.id < :b.id)

-- The VAT in a part of the order's amount. Messages report differences of it, which add up to the order's VAT.
-- fragment: vat_of(part)
round(:vat(o) * (:part)::numeric / greatest(1, o.amount))::bigint

-- "moved" of "moved-2", the second move of its order.
-- fragment: word_of(kind)
split_part(:kind, '-', 1)

-- Retries a parked message, or one that the shop accepted and lost; later such messages of its order, too.
-- statement: shop_retry
--> id  bigint
--> who text null
--< doc text
WITH b AS (
    UPDATE shop_outbox b
    SET due_at = now(), done_at = NULL, refused = 0
    WHERE b.order_id = (SELECT order_id FROM shop_outbox WHERE id = :id) AND b.id >= :id
        AND (b.done_at IS NOT NULL OR :is_given_up(b))
    RETURNING b.id, b.order_id, :word_of(b.kind) AS kind
), a AS (
    INSERT INTO audit (event, act, subject, actor, detail, who)
    SELECT o.event, 'letter-retried', o.id, :ACTOR_OPERATOR, jsonb_build_object('kind', b.kind), :who
    FROM b
    JOIN orders o ON o.id = b.order_id
)
SELECT jsonb_build_object('order', order_id, 'kind', kind)::text AS doc
FROM b
WHERE id = :id;

-- Members other than the buyer get mails only about their own seats that the order still has; "revoked-2" is about
-- those that the second credit took away.
-- fragment: seats_of_member()
SELECT seat
FROM ticket t
WHERE t.order_id = o.id AND t.member = b.member AND t.replaced_by IS NULL
    AND (:word_of(b.kind) <> :LETTER_REVOKED OR t.revoked_at IS NOT NULL)
    AND CASE
        WHEN b.kind LIKE :LETTER_REVOKED || '-%'
            THEN o.credits->split_part(b.kind, '-', 2)->'gone' @> jsonb_build_array(jsonb_build_object('id', t.seat))
        ELSE o.seats ? t.seat
    END

-- The places are lines of zone, row, number and label (if any), separated by tabs.
-- statement: mail_take
--> most       bigint
--> lease_ms   bigint
--> back_ms    bigint
--< id         bigint
--< kind       text
--< tries      integer
--< lang       text
--< order_id   text
--< member     text
--< event_name text
--< show       jsonb
--< amount     bigint
--< fees       bigint
--< vat        bigint
--< currency   text
--< seats      bigint
--< places     text
--< off        boolean
--< until      text
--< trace      text
--< late_us    bigint
WITH due AS (
    SELECT b.id, b.due_at
    FROM mail_outbox b
    WHERE b.done_at IS NULL AND :is_due_since(b)
    ORDER BY b.due_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)
UPDATE mail_outbox b
SET due_at = now() + :ms(:lease_ms), tries = tries + 1
FROM due, orders o
:with_event(o)
WHERE b.id = due.id AND o.id = b.order_id
RETURNING b.id, b.kind, b.tries, b.lang, o.id AS order_id, b.member, :event_name(o) AS event_name,
    :show(o) AS show,
    coalesce(:given_back(b), o.amount) AS amount,
    CASE WHEN :given_back(b) IS NULL THEN :fees(o) ELSE 0 END AS fees,
    CASE WHEN :given_back(b) IS NULL THEN :vat(o) ELSE 0 END AS vat, o.currency,
    CASE
        WHEN b.member = o.member THEN jsonb_array_length(o.seats)
        ELSE (SELECT count(DISTINCT seat) FROM (:seats_of_member()) s)
    END AS seats,
    coalesce((
        SELECT string_agg(concat_ws(E'\t', p->>'zone', p->>'row', p->>'number', p->>'label'), E'\n' ORDER BY at)
        FROM jsonb_array_elements(:all_places(o)) WITH ORDINALITY AS p (p, at)
        WHERE coalesce((:credit_of(b))->'seats' ? (p->>'id'),
            (b.member = o.member AND o.seats ? (p->>'id')) OR p->>'id' IN (:seats_of_member()))
    ), '') AS places, gone.event IS NOT NULL AS off,
    CASE WHEN :word_of(b.kind) = 'postponed' AND b.member = o.member THEN coalesce(:iso(later.refund_until), '') ELSE '' END AS until, b.trace, :age_us(due.due_at) AS late_us;

-- Retries the oldest mails in a range of ids: one id, or all.
-- statement: mail_retry
--> first bigint
--> last  bigint
--> most  integer
--> who   text null
--< doc   text
WITH all_of_them AS MATERIALIZED (
    SELECT b.id
    FROM mail_outbox b
    WHERE :is_given_up(b) AND b.id BETWEEN :first AND :last
), b AS (
    UPDATE mail_outbox b
    SET due_at = now(), tries = 0, refused = 0, error = NULL
    WHERE :is_given_up(b) AND b.id IN (SELECT id FROM all_of_them ORDER BY id LIMIT :most)
    RETURNING b.id, b.order_id, :word_of(b.kind) AS kind
), a AS (
    INSERT INTO audit (event, act, subject, actor, detail, who)
    SELECT o.event, 'mail-retried', o.id, :ACTOR_OPERATOR, jsonb_build_object('kind', b.kind), :who
    FROM b
    JOIN orders o ON o.id = b.order_id
)
SELECT jsonb_build_object('mails', coalesce(jsonb_agg(jsonb_build_object('mail', id, 'order', order_id, 'kind', kind)
    ORDER BY id), '[]'), 'more', (SELECT count(*) FROM all_of_them) - count(*))::text AS doc
FROM b
HAVING count(*) > 0 OR :first < :last;

-- The lags of messages, mails and sagas, and the time here, for the metrics. What an operator accepted needs no alarm.
-- statement: lags
--< shop          bigint signed
--< shop_us       bigint signed
--< mail          bigint signed
--< mail_us       bigint signed
--< sagas_parked  bigint signed
--< sagas_open    bigint signed
--< sagas_us      bigint signed
--< shop_parked   bigint signed
--< now_us        bigint
SELECT (SELECT count(*) FROM shop_outbox WHERE done_at IS NULL AND due_at < 'infinity') AS shop,
    coalesce((
        SELECT :age_us(min(made_at))
        FROM shop_outbox
        WHERE done_at IS NULL AND due_at < 'infinity'
    ), 0) AS shop_us,
    (SELECT count(*) FROM mail_outbox WHERE done_at IS NULL AND due_at < 'infinity') AS mail,
    coalesce((
        SELECT :age_us(min(made_at))
        FROM mail_outbox
        WHERE done_at IS NULL AND due_at < 'infinity'
    ), 0) AS mail_us,
    (SELECT count(*) FROM saga s WHERE :awaits_operator(s)) AS sagas_parked,
    (SELECT count(*) FROM saga s WHERE :is_open(s) AND NOT s.parked) AS sagas_open,
    coalesce((
        SELECT :age_us(min(s.due_at))
        FROM saga s
        WHERE :is_open(s) AND NOT s.parked AND s.due_at < now()
    ), 0) AS sagas_us,
    (
        SELECT count(*)
        FROM shop_outbox b
        WHERE b.done_at IS NULL AND b.due_at = 'infinity'
            AND NOT :is_accepted('not-at-shop', b.order_id, b.kind, coalesce(b.error, 'waiting'))
    ) AS shop_parked,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us;
