-- Compares the books: the providers' own lists, the sold seats, our orders, tickets and sagas, and what the shop
-- lists.
--
-- A run compares only what may disagree, listed in `suspect`, not everything. A row is added when a list has news,
-- when a saga has ended or the shop has accepted a message. In addition each run adds the next few thousand of all
-- orders, payments and orders of the shop, so that in the end each is compared. A row is removed once it was compared
-- and agreed.

-- Age of the oldest comparison of an event.
-- fragment: seats_age_s(report)
greatest(0, coalesce(extract(epoch FROM now() - (:report::jsonb->>'seats_compared_at')::timestamptz), 0))::bigint

-- A process takes a run when one is due, when an operator wants one, or when the previous owner has not renewed it;
-- never while that owner renews. Returns the last run's results, too.
-- statement: reconcile_take
--> owner       text
--> lease_ms    bigint
--> every_ms    bigint
--> wanted      boolean
--< run         bigint null
--< drift       bigint
--< accepted    bigint
--< ended_s     bigint
--< seats_age_s bigint
WITH taken AS (
    UPDATE reconcile_run
    SET run = run + 1, owner = :owner, until = now() + :ms(:lease_ms), began_at = now()
    WHERE until <= now() AND (:wanted OR owner <> '' OR began_at <= now() - :ms(:every_ms))
    RETURNING run
)
SELECT (SELECT run FROM taken) AS run, drift, (report->'accepted'->>'count')::bigint AS accepted,
    coalesce(extract(epoch FROM ended_at), 0)::bigint AS ended_s,
    :seats_age_s(report) AS seats_age_s
FROM reconcile_run;

-- No row: the run is no longer ours.
-- statement: reconcile_renew
--> run      bigint
--> lease_ms bigint
--< run      bigint
UPDATE reconcile_run
SET until = now() + :ms(:lease_ms)
WHERE run = :run AND owner <> ''
RETURNING run;

-- The account may be shared: payments that name no order of ours do not concern us. They are counted while all
-- payments are gone through; the result is as of the last full pass. passed_at is when that pass compared the last
-- order. The seats of each trading event were compared at seats_compared_at or later. A run that read all lists to the
-- end (`whole`) stores when it began: infra/recover trusts no older list.
-- statement: reconcile_end
--> run         bigint
--> drift       bigint
--> report      jsonb
--> whole       boolean
--> took_ms     bigint
--> grace_ms    bigint
--< ended_s     bigint
--< seats_age_s bigint
WITH p AS (
    UPDATE reconciled
    SET read_at = CASE WHEN :whole THEN greatest(read_at, now() - :ms(:took_ms)) ELSE read_at END
    RETURNING passed_at, foreign_payments, foreign_amount
)
UPDATE reconcile_run
SET owner = '', until = now(), ended_at = now(), drift = :drift,
    report = :report || jsonb_build_object('passed_at', :iso(p.passed_at),
        'seats_compared_at', :iso(coalesce((SELECT min(t.compared_at) FROM traded t WHERE :is_traded(t)), now())),
        'foreign', jsonb_build_object('payments', p.foreign_payments, 'amount', p.foreign_amount))
FROM p
WHERE run = :run AND owner <> ''
RETURNING extract(epoch FROM ended_at)::bigint AS ended_s, :seats_age_s(report) AS seats_age_s;

-- statement: reconcile_report
--< report jsonb
SELECT jsonb_build_object('at', :iso(ended_at), 'drift', drift) || report AS report
FROM reconcile_run;

-- Accepts a difference as listed by the last run: its sums are those that the operator has seen.
-- statement: reconcile_accept
--> name   text
--> reason text
--> who    text null
--< name   text
WITH d AS (
    SELECT e.*, coalesce((SELECT o.event FROM orders o WHERE o.id = e."order"),
        (SELECT g.event FROM retired_order g WHERE g.id = e."order"), '') AS event
    FROM reconcile_run, jsonb_to_recordset(report->'items') AS e (difference text, kind text, "order" text,
        payment text, detail text, sum bigint)
    WHERE e.difference = :name
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, 'difference-accepted', coalesce(nullif("order", ''), payment), :ACTOR_OPERATOR, :reason,
        to_jsonb(d) - 'event', :who
    FROM d
)
INSERT INTO drift_accepted (name, event, order_id, payment, kind, detail, sum, reason, who)
SELECT difference, event, "order", payment, kind, detail, sum, :reason, :who
FROM d
ON CONFLICT (name) DO UPDATE
SET reason = excluded.reason, who = excluded.who, at = now()
RETURNING name;

-- statement: reconcile_withdraw
--> name   text
--> reason text
--> who    text null
--< name   text
WITH d AS (
    DELETE FROM drift_accepted
    WHERE name = :name
    RETURNING *
), a AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail, who)
    SELECT event, 'difference-withdrawn', coalesce(nullif(order_id, ''), payment), :ACTOR_OPERATOR, :reason,
        to_jsonb(d) - 'event', :who
    FROM d
)
SELECT name
FROM d;

-- A suspended process may continue its run after another has taken the next one. Its writes then repeat what is stored
-- or only raise numbers; writes that could do harm need this check.
-- fragment: is_run(run)
EXISTS (SELECT FROM reconcile_run WHERE run = :run)

-- Our position in a provider's list of events, or in the shop's list of orders. That list is read again from its
-- beginning once a day, as the shop may have lost what it had: a round begins with the list's first page (`round_at`) and
-- is whole when its end was reached, which `whole_at` = `round_at` says. Until then no other begins.
-- statement: reconcile_cursor
--> provider text
--< event    text
SELECT CASE
        WHEN provider = 'shop' AND whole_at = round_at AND round_at < now() - interval '1 day' THEN ''
        ELSE event
    END AS event
FROM reconcile_cursor
WHERE provider = :provider;

-- A page of a provider's events and, unless it is NULL, our new position. Numbers only rise, so events may come in any
-- order and any number of times. A payment that does not name its order belongs to the order that has this payment.
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
), x AS (
    INSERT INTO suspect (list, id)
    SELECT :provider, payment
    FROM r
    ORDER BY payment
    ON CONFLICT (list, id) DO UPDATE SET at = now()
)
INSERT INTO psp_payment AS p (provider, payment, order_id, amount, captured, refunded, state)
SELECT :provider, payment,
    coalesce(order_id, (SELECT min(o.id) FROM order_payment o WHERE o.payment = r.payment),
        (SELECT min(g.id) FROM retired_order g WHERE g.payment = r.payment)),
    amount, captured, refunded, state
FROM r
ON CONFLICT (provider, payment) DO UPDATE
SET order_id = coalesce(p.order_id, excluded.order_id), amount = greatest(p.amount, excluded.amount),
    captured = greatest(p.captured, excluded.captured),
    refunded = greatest(p.refunded, excluded.refunded),
    state = greatest(p.state, excluded.state), seen_at = now();

-- The provider has forgotten our position: events were missed.
-- statement: reconcile_gap
--> provider text
--> run      bigint
UPDATE reconcile_cursor
SET gap_from = at, gap_at = now()
WHERE provider = :provider AND :is_run(:run);

-- statement: installation alone
--< id text
SELECT id
FROM pay.installation
WHERE one;

-- fragment: origin(id)
order_origin(:id, (SELECT i.id FROM installation i WHERE i.one))

-- fragment: is_ours(id)
(:origin(:id) = 'ours' OR :is_order(:id))

-- An event trades for a day after its last order changed, and until its seats were compared after that. Events that
-- could not be compared for a week, for example because the seat service no longer has them, are a difference instead.
-- fragment: is_traded(t)
:t.at > now() - CASE WHEN :is_compared(t) THEN interval '1 day' ELSE interval '7 days' END

-- fragment: is_compared(t)
(:t.compared_at > :t.at + :ms(:grace_ms))

-- Whether a row of the shop's list was seen since that moment of its rounds.
-- fragment: is_seen_since(s, moment)
((:s.seen_at < (SELECT c.:moment FROM reconcile_cursor c WHERE c.provider = 'shop')) IS NOT TRUE)

-- When the round of the page after :event began.
-- fragment: round_of_page(before)
CASE WHEN :event = '' THEN now() ELSE :before END

-- An unparsed page of the orders that the shop has accepted; a page that is not full is the last. For messages
-- delivered since the list was last read to its end (`at`), it is unknown whether the list has them. An order is listed
-- twice if it is on a page twice, or on two pages of one round. Rows that say nothing new are not suspects, however many
-- are read again. Lost orders that the shop has taken back stay in its list and are not stored.
-- statement: reconcile_shop
--> run   bigint
--> event text
--> full  integer
--> page  jsonb
--< len   integer
--< event text
WITH p AS MATERIALIZED (
    SELECT len,
        CASE WHEN len > 0 AND :page->>'next' ~ '^[0-9]{1,18}$' THEN :page->>'next' ELSE :event END AS event
    FROM jsonb_array_length(coalesce(:page->'orders', '0')) AS len
), c AS (
    INSERT INTO reconcile_cursor AS c (provider, event, at, round_at)
    SELECT 'shop', event, CASE WHEN len <> :full THEN now() ELSE '-infinity' END, :round_of_page('-infinity')
    FROM p
    WHERE :is_run(:run)
    ON CONFLICT (provider) DO UPDATE
    SET event = excluded.event, at = greatest(c.at, excluded.at), round_at = :round_of_page(c.round_at),
        whole_at = CASE WHEN excluded.at > '-infinity' THEN :round_of_page(c.round_at) ELSE c.whole_at END
), r AS MATERIALIZED (
    SELECT external_id, max(amount) AS amount, max(letters) AS letters, count(*) > 1 AS twice
    FROM jsonb_to_recordset(:page->'orders') AS r (external_id text, amount bigint, letters integer)
    WHERE :is_run(:run) AND NOT :is_retired(external_id)
        AND NOT EXISTS (SELECT FROM void_order v WHERE v.id = external_id AND v.taken_back)
    GROUP BY external_id
), n AS MATERIALIZED (
    SELECT r.external_id, r.amount, r.letters, t.twice,
        (s.amount, s.letters, s.twice) IS DISTINCT FROM (r.amount, r.letters, t.twice) AS is_news
    FROM r
    LEFT JOIN LATERAL (SELECT * FROM shop_order WHERE external_id = r.external_id OFFSET 0) s ON true
    CROSS JOIN LATERAL (
        SELECT r.twice
            OR :event <> '' AND :is_seen_since(s, round_at) AND (s.twice OR s.after <> :event) IS TRUE AS twice
    ) t
), x AS (
    INSERT INTO suspect (list, id)
    SELECT :shop_list(), external_id
    FROM n
    WHERE is_news
    ORDER BY external_id
    ON CONFLICT (list, id) DO UPDATE SET at = now()
), s AS (
    INSERT INTO shop_order (external_id, amount, letters, after, twice)
    SELECT external_id, amount, letters, :event, twice
    FROM n
    ON CONFLICT (external_id) DO UPDATE
    SET amount = excluded.amount, letters = excluded.letters, seen_at = now(), after = excluded.after,
        twice = excluded.twice
)
SELECT len, event
FROM p;

-- What kind a suspect is: an order of ours, an entry of the shop's list, or else a provider's payment.
-- fragment: our_list()
''

-- fragment: shop_list()
'shop'

-- The last slice. The next one starts from the first row again.
-- fragment: is_last(rows)
((SELECT count(*) FROM :rows) < :slice)

-- fragment: next_after(rows)
CASE WHEN :is_last(:rows) THEN '' ELSE (SELECT max(id) FROM :rows) END

-- Looks up rows one by one, whatever the plan was made for (OFFSET 0).
-- fragment: money_of(p)
CROSS JOIN LATERAL (
    SELECT * FROM psp_money WHERE provider = :p.provider AND payment = :p.payment OFFSET 0
) m

-- fragment: order_by_id(id)
(SELECT * FROM orders WHERE id = :id OFFSET 0)

-- fragment: is_order(id)
((SELECT o.id FROM orders o WHERE o.id = :id) IS NOT NULL)

-- How far it was read: almost until now if everything fitted. A commit becomes visible only after the times that it
-- wrote.
-- fragment: read_until(rows, before)
CASE
    WHEN (SELECT count(*) FROM :rows) < (SELECT n FROM room)
        THEN greatest(:before, now() - interval '1 minute')
    ELSE coalesce((SELECT max(at) FROM :rows), :before)
END

-- Collects what to compare: orders whose saga has ended or whose message the shop has accepted since the last run, if
-- there is room, and the next slice of everything, in key order. An order is compared with its payments and its row of
-- the shop's list, so the slice adds only payments and rows without an order. Also records that an event's orders have
-- changed.
-- statement: reconcile_collect
--> slice bigint
--> room  bigint
WITH r AS MATERIALIZED (
    SELECT * FROM reconciled FOR UPDATE
), room AS MATERIALIZED (
    SELECT greatest(0, :room - count(*)) AS n FROM suspect
), ended AS MATERIALIZED (
    SELECT subject AS id, ended_at AS at
    FROM saga
    WHERE ended_at >= (SELECT sagas_at FROM r)
    ORDER BY ended_at
    LIMIT (SELECT n FROM room)
), sent AS MATERIALIZED (
    SELECT order_id AS id, done_at AS at
    FROM shop_outbox
    WHERE done_at >= (SELECT letters_at FROM r)
    ORDER BY done_at
    LIMIT (SELECT n FROM room)
), o AS MATERIALIZED (
    SELECT id, event, changed_at
    FROM orders
    WHERE id > (SELECT order_after FROM r)
    ORDER BY id
    LIMIT :slice
), p AS MATERIALIZED (
    SELECT provider, payment, order_id
    FROM psp_payment
    WHERE (provider, payment) > ((SELECT payment_provider FROM r), (SELECT payment_after FROM r))
    ORDER BY provider, payment
    LIMIT :slice
), h AS MATERIALIZED (
    SELECT external_id AS id
    FROM shop_order
    WHERE external_id > (SELECT shop_after FROM r)
    ORDER BY external_id
    LIMIT :slice
), strange AS MATERIALIZED (
    SELECT count(*) AS payments, coalesce(sum(m.captured - m.back), 0) AS amount
    FROM p
    :money_of(p)
    WHERE NOT :is_ours(p.order_id) AND m.captured > m.back
), taken AS (
    INSERT INTO suspect AS x (list, id, at)
    SELECT list, id, max(at)
    FROM (
        SELECT :our_list() AS list, id, now() AS at FROM ended
        UNION ALL
        SELECT :our_list(), id, now() FROM sent
        UNION ALL
        SELECT :our_list(), id, '-infinity' FROM o
        UNION ALL
        SELECT provider, payment, '-infinity' FROM p WHERE NOT :is_order(p.order_id)
        UNION ALL
        SELECT :shop_list(), id, '-infinity' FROM h WHERE NOT :is_order(h.id)
    ) n
    GROUP BY list, id
    ORDER BY list, id
    ON CONFLICT (list, id) DO UPDATE SET at = excluded.at WHERE excluded.at > x.at
), traded AS (
    INSERT INTO traded AS t (event, at, compared_at)
    SELECT event, max(changed_at), min(changed_at)
    FROM (
        SELECT event, changed_at FROM o
        UNION ALL
        SELECT e.event, e.changed_at
        FROM ended
        CROSS JOIN LATERAL (SELECT event, changed_at FROM orders WHERE id = ended.id OFFSET 0) e
    ) c
    WHERE changed_at > now() - interval '7 days'
    GROUP BY event
    ORDER BY event
    ON CONFLICT (event) DO UPDATE SET at = excluded.at WHERE excluded.at > t.at
)
UPDATE reconciled
SET sagas_at = :read_until(ended, r.sagas_at), letters_at = :read_until(sent, r.letters_at),
    order_after = :next_after(o), shop_after = :next_after(h),
    payment_provider = CASE WHEN :is_last(p) THEN '' ELSE (SELECT max(provider) FROM p) END,
    payment_after = CASE
        WHEN :is_last(p) THEN ''
        ELSE (SELECT max(payment) FROM p WHERE provider = (SELECT max(provider) FROM p))
    END,
    passed_at = CASE WHEN :is_last(o) THEN now() ELSE r.passed_at END,
    foreign_payments = CASE WHEN :is_last(p) THEN r.so_far_payments + strange.payments
        ELSE r.foreign_payments END,
    foreign_amount = CASE WHEN :is_last(p) THEN r.so_far_amount + strange.amount
        ELSE r.foreign_amount END,
    so_far_payments = CASE WHEN :is_last(p) THEN 0 ELSE r.so_far_payments + strange.payments END,
    so_far_amount = CASE WHEN :is_last(p) THEN 0 ELSE r.so_far_amount + strange.amount END
FROM r, strange;

-- No kind of drift hides another: each is counted in full (of_kind), and listed up to a limit, accepted items apart
-- from the others. Rows younger than the grace period may still be in transit, and are not drift.
-- shape: drift
--< kind        text
--< id          text
--< payment     text
--< detail      text
--< of_kind     bigint
--< nth         bigint
--< name        text
--< sum         bigint signed null
--< accepted_at text null
--< reason      text null
--< who         text null

-- Takes d (kind, id, payment, detail, sum); adds each row's name, which has its sum, and whether it is accepted.
-- fragment: compared(d)
SELECT d.*, i.name, a.at, a.reason, a.who,
    count(*) OVER (PARTITION BY d.kind, num_nulls(a.at)) AS of_kind,
    row_number() OVER (PARTITION BY d.kind, num_nulls(a.at) ORDER BY d.id, d.payment, d.detail) AS nth
FROM :d d
CROSS JOIN LATERAL (SELECT drift_name(d.kind, d.id, d.payment, concat_ws('/', d.detail, d.sum)) AS name OFFSET 0) i
LEFT JOIN LATERAL (SELECT at, reason, who FROM drift_accepted WHERE name = i.name OFFSET 0) a ON true

-- Whether an operator has accepted a difference of a kind without a sum.
-- fragment: is_accepted(kind, id, payment, detail)
EXISTS (SELECT FROM drift_accepted a WHERE a.name = drift_name(:kind, :id, :payment, :detail) OFFSET 0)

-- A saga that is parked, unless an operator has accepted that it stays so.
-- fragment: awaits_operator(s)
(:s.parked AND NOT :is_accepted('parked', :s.subject, :s.id::text, parked_detail(:s)))

-- fragment: late()
late AS (SELECT now() - :ms(:grace_ms) AS at)

-- What a payment should keep: of an order's payments only the one that the order names keeps anything.
-- fragment: keeps(m, o)
CASE WHEN :m.payment = coalesce(:o.payment, '') THEN order_keeps(:o.status, :o.amount, :o.refund_amount) ELSE 0 END

-- What its payment keeps beyond that.
-- fragment: with_sum(d)
LEFT JOIN LATERAL (
    SELECT (coalesce(m.captured - m.back - m.disputed, 0) - :keeps(d, o))::bigint AS sum
    FROM :order_by_id(d.id) o
    LEFT JOIN LATERAL (
        SELECT * FROM psp_money WHERE provider = o.provider AND payment = d.payment OFFSET 0
    ) m ON true
) s

-- Ends acceptances for good once a run sees that the sum or the difference has changed, unless the order is about to
-- change: should it change back, money or a seat has moved twice. The text of a letter that is still tried alternates.
-- fragment: ended(also)
withdrawn AS (
    DELETE FROM drift_accepted a
    WHERE :is_run(:run) AND a.name NOT IN (SELECT name FROM found)
        AND NOT EXISTS (SELECT FROM late, :order_by_id(a.order_id) o WHERE o.changed_at >= late.at OR NOT :is_still(o))
        AND (:also
            OR a.kind <> 'not-at-shop' AND (a.kind, a.order_id, a.payment) IN (SELECT kind, id, payment FROM found))
    RETURNING a.*
), noted AS (
    INSERT INTO audit (event, act, subject, actor, reason, detail)
    SELECT event, 'difference-withdrawn', coalesce(nullif(order_id, ''), payment), 'reconciliation',
        'The difference has changed.', to_jsonb(w) - 'event'
    FROM withdrawn w
)

-- fragment: has_open_saga(id)
EXISTS (SELECT FROM saga s WHERE s.subject = :id AND :is_open(s) OFFSET 0)

-- A parked saga may stay so for ever, and must not hide money that leaves meanwhile.
-- fragment: is_still(o)
(:o.moving IS NULL OR EXISTS (SELECT FROM saga s WHERE s.subject = :o.id AND s.parked OFFSET 0))

-- fragment: good_tickets(o)
(SELECT count(*) FROM ticket t WHERE t.order_id = :o.id AND t.revoked_at IS NULL)

-- The order's letters that the shop took but, long after, does not show: its list, read to the end, does not have the
-- order, or says that it took fewer letters of it. If it lost some, those are the newest.
-- fragment: unlisted_letter_of(o)
CROSS JOIN LATERAL (
    SELECT *, row_number() OVER (ORDER BY id) AS nth FROM shop_outbox WHERE order_id = :o.id OFFSET 0
) b
JOIN reconcile_cursor c ON c.provider = 'shop'
LEFT JOIN LATERAL (SELECT * FROM shop_order WHERE external_id = :o.id OFFSET 0) p ON p.seen_at >= c.whole_at
WHERE c.at - :ms(:grace_ms) > b.done_at
    AND CASE
        WHEN p.external_id IS NULL THEN b.kind = :LETTER_COMPLETED
        ELSE b.nth > p.letters AND p.seen_at - :ms(:grace_ms) > b.done_at
    END

-- fragment: lost_detail(b)
format('letter %s, handed over at %s', :b.id, :b.done_at)

-- fragment: is_accepted_loss(b)
:is_accepted('lost-at-shop', :b.order_id, :b.kind, :lost_detail(b))

-- The last run listed it (at most 20 of a kind), and unlisted_letter_of still has it.
-- fragment: is_reported_loss(b)
drift_name('lost-at-shop', :b.order_id, :b.kind, :lost_detail(b)) IN (
    SELECT i->>'difference'
    FROM reconcile_run, jsonb_array_elements((report->'items') || (report->'accepted'->'items')) AS i
)

-- Stores what the shop has of an order, unless it is NULL; returns the next order for which to ask it. A row of an older
-- round does not count as a page of this one.
-- statement: reconcile_unlisted
--> run      bigint
--> grace_ms bigint
--> after    text
--> found    jsonb null
--< id       text
WITH s AS (
    INSERT INTO shop_order AS s (external_id, amount, letters)
    SELECT external_id, amount, letters
    FROM jsonb_to_record(:found) AS r (external_id text, amount bigint, letters integer)
    WHERE external_id = :after AND :is_run(:run)
    ON CONFLICT (external_id) DO UPDATE
    SET amount = excluded.amount, letters = excluded.letters, seen_at = now(),
        after = CASE WHEN :is_seen_since(s, round_at) THEN s.after END, twice = s.twice AND :is_seen_since(s, round_at)
)
SELECT x.id
FROM suspect x
:unlisted_letter_of(x)
    AND x.list IN (:our_list(), :shop_list()) AND x.id > :after AND NOT :is_accepted_loss(b)
ORDER BY x.id
LIMIT 1;

-- Compares the suspects in our own tables: their orders, all payments of these, and their rows in the shop's list.
-- Each payment keeps what its order says (:keeps), no more (money-without-order) and no less (given-back-too-much);
-- for a completed order, kinds that name a refund or a dispute report it, unless an operator refunded that part here.
-- Money lost in a dispute cannot be kept: too much is returned only if a refund went out, too. The shop is compared
-- only if its list is read at all.
--
-- The shop was asked for its missing orders in the order of their ids, up to `asked`; NULL: its list was not read to
-- the end. The others may not be lost: unless the last run reported them, they are of no kind, and only remain
-- suspects. Without a token for the sold seats (`seats`) no event is ever compared with them: the run reports that once,
-- not for each event.
--
-- If no list failed (`whole`), a row that agrees and is past the grace period is no longer a suspect. A list that the
-- next run reads on has not failed. As in unlisted_letter_of, that period ends when the shop's list does, which may be
-- minutes ago. Rows that disagree remain suspects, up to `kept` per kind; the rest are found again in their turn. Rows
-- locked by another process are left to it (SKIP LOCKED), so the two cannot deadlock.
--
-- Nothing here joins two lists of suspects: a plan made while there were none would compare each with each.
-- statement: reconcile_drift
--> grace_ms bigint
--> most     bigint
--> kept     bigint
--> whole    boolean
--> run      bigint
--> asked    text null
--> seats    boolean
--< drift.*
WITH :late(), named AS MATERIALIZED (
    SELECT p.provider, p.payment, p.order_id
    FROM suspect x
    CROSS JOIN LATERAL (
        SELECT * FROM psp_payment WHERE provider = x.list AND payment = x.id OFFSET 0
    ) p
    WHERE x.list NOT IN (:our_list(), :shop_list())
), ids AS MATERIALIZED (
    SELECT id FROM suspect WHERE list IN (:our_list(), :shop_list())
    UNION
    SELECT order_id FROM named WHERE order_id IS NOT NULL
    UNION
    SELECT o.id
    FROM named p
    CROSS JOIN LATERAL (SELECT id FROM order_payment WHERE payment = p.payment OFFSET 0) o
), looked AS MATERIALIZED (
    SELECT o.*
    FROM ids
    CROSS JOIN LATERAL :order_by_id(ids.id) o
    WHERE NOT :is_retired(o.id)
), money AS MATERIALIZED (
    SELECT m.*
    FROM (
        SELECT provider, payment FROM named
        UNION
        SELECT provider, payment FROM looked WHERE payment IS NOT NULL
        UNION
        SELECT p.provider, p.payment
        FROM ids
        CROSS JOIN LATERAL (SELECT * FROM psp_payment WHERE order_id = ids.id OFFSET 0) p
    ) p
    :money_of(p)
), listed AS MATERIALIZED (
    SELECT h.*
    FROM ids
    CROSS JOIN LATERAL (SELECT * FROM shop_order WHERE external_id = ids.id OFFSET 0) h
    WHERE :is_seen_since(h, whole_at)
), differ AS MATERIALIZED (
    SELECT d.*, s.sum
    FROM (
        SELECT 'completed-without-money' AS kind, o.id,
            coalesce(p.payment, o.payment, '') AS payment,
            format('captured %s of %s', coalesce(p.captured, 0), o.amount) AS detail
        FROM late, looked o
        LEFT JOIN LATERAL (
            SELECT * FROM psp_payment WHERE provider = o.provider AND payment = o.payment OFFSET 0
        ) p ON true
        WHERE o.status = :ORDER_COMPLETED AND o.changed_at < late.at
            AND coalesce(p.captured, 0) <> o.amount
        UNION ALL
        SELECT CASE WHEN m.failed > 0 THEN 'refund-failed' ELSE 'money-without-order' END,
            coalesce(m.order_id, ''), m.payment,
            format('captured %s, refunded %s, disputed %s, failed %s, order %s', m.captured, m.back,
                m.disputed, m.failed, coalesce(o.status, 'unknown'))
        FROM late, money m
        LEFT JOIN LATERAL :order_by_id(m.order_id) o ON true
        WHERE m.captured > m.back + m.disputed AND m.seen_at < late.at AND :is_ours(m.order_id)
            AND NOT :is_retired(m.order_id) AND (o.id IS NULL OR (o.changed_at < late.at
                AND o.moving IS NULL AND o.status NOT IN (:ORDER_REFUNDING, :ORDER_PARKED)
                AND NOT (o.status = :ORDER_REFUNDED
                    AND m.captured - m.back - m.disputed <= :keeps(m, o))
                AND (o.status <> :ORDER_COMPLETED OR (m.payment = o.payment
                    AND m.back + m.disputed < o.refund_amount))))
        UNION ALL
        SELECT 'given-back-too-much', o.id, m.payment,
            format('captured %s, given back %s, dispute lost %s, to keep %s', m.captured, m.back, m.lost,
                :keeps(m, o))
        FROM late, money m
        CROSS JOIN LATERAL :order_by_id(m.order_id) o
        WHERE m.back > 0 AND m.captured - m.back - m.lost < :keeps(m, o) AND m.seen_at < late.at
            AND o.changed_at < late.at AND :is_still(o)
            AND (o.status <> :ORDER_COMPLETED OR m.payment IS DISTINCT FROM o.payment)
        UNION ALL
        SELECT CASE
                WHEN m.back >= m.captured THEN 'given-back-without-refund'
                ELSE 'refunded-in-part'
            END,
            o.id, m.payment, format('captured %s, given back %s', m.captured, m.back)
        FROM late, money m
        CROSS JOIN LATERAL (SELECT id FROM order_payment WHERE payment = m.payment OFFSET 0) i
        CROSS JOIN LATERAL :order_by_id(i.id) o
        WHERE o.provider = m.provider AND m.captured > 0 AND m.back > coalesce(o.refund_amount, 0)
            AND o.status = :ORDER_COMPLETED AND :is_still(o)
            AND o.changed_at < late.at AND m.seen_at < late.at
        UNION ALL
        SELECT CASE r.state WHEN :PAYMENT_RETURN_OPEN THEN 'disputed' ELSE 'dispute-lost' END,
            o.id, r.payment, format('%s: %s of %s, order %s', r.id, r.amount, o.amount, o.status)
        FROM looked o
        CROSS JOIN LATERAL (
            SELECT * FROM psp_return WHERE provider = o.provider AND payment = o.payment OFFSET 0
        ) r
        WHERE r.kind = 'dispute' AND (r.state = :PAYMENT_RETURN_OPEN
            OR (r.state = :PAYMENT_RETURN_FAILED AND o.status = :ORDER_COMPLETED AND :is_still(o)
                AND (SELECT m.back + m.lost FROM psp_money m WHERE m.provider = o.provider
                    AND m.payment = o.payment) > coalesce(o.refund_amount, 0)))
        UNION ALL
        SELECT 'events-missed', '', c.provider,
            format('read until %s, read again at %s', :iso(c.gap_from), :iso(c.gap_at))
        FROM reconcile_cursor c
        WHERE c.gap_at > now() - interval '7 days'
        UNION ALL
        SELECT 'seats-not-compared', '', t.event, format('orders changed until %s', :iso(t.at))
        FROM traded t
        WHERE :seats AND NOT :is_compared(t) AND NOT :is_traded(t)
        UNION ALL
        SELECT 'captured-twice', o.id, p.payment,
            format('captured %s, refunded %s, disputed %s, order paid by %s', p.captured, p.back, p.disputed,
                o.payment)
        FROM money p
        CROSS JOIN LATERAL :order_by_id(p.order_id) o
        WHERE p.captured > p.back + p.disputed AND p.payment IS DISTINCT FROM o.payment
            AND o.status IN (:ORDER_COMPLETED, :ORDER_REFUNDING, :ORDER_PARKED)
        UNION ALL
        SELECT 'authorisation-left', o.id, p.payment, format('order %s', o.status)
        FROM late, money p
        CROSS JOIN LATERAL :order_by_id(p.order_id) o
        WHERE p.state = :PAYMENT_AUTHORISED AND p.seen_at < late.at AND o.changed_at < late.at
            AND o.status IN (:ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
            AND NOT :has_open_saga(o.id)
        UNION ALL
        SELECT 'moving-without-saga', o.id, coalesce(o.payment, ''), format('order %s', o.status)
        FROM looked o
        WHERE (o.status IN (:ORDER_PENDING_PAYMENT, :ORDER_CONFIRMING, :ORDER_REFUNDING)
            OR o.moving IS NOT NULL) AND NOT :has_open_saga(o.id)
        UNION ALL
        SELECT 'tickets-missing', o.id, coalesce(o.payment, ''),
            format('%s tickets for %s seats', :good_tickets(o), jsonb_array_length(o.seats))
        FROM looked o
        WHERE o.status = :ORDER_COMPLETED AND o.moving IS NULL
            AND jsonb_array_length(o.seats) <> :good_tickets(o)
        UNION ALL
        SELECT 'tickets-left', o.id, coalesce(o.payment, ''), format('order %s', o.status)
        FROM looked o
        WHERE o.status IN (:ORDER_REFUNDED, :ORDER_CANCELLED, :ORDER_EXPIRED, :ORDER_FAILED)
            AND :good_tickets(o) > 0
        UNION ALL
        SELECT 'parked', s.subject, s.id::text, parked_detail(s)
        FROM saga s
        WHERE s.parked
        UNION ALL
        SELECT 'not-at-shop', b.order_id, b.kind, coalesce(b.error, 'waiting')
        FROM late, shop_outbox b
        WHERE b.done_at IS NULL AND b.made_at < late.at AND b.error IS NOT NULL
        UNION ALL
        SELECT CASE WHEN o.id <= :asked OR :is_accepted_loss(b) OR :is_reported_loss(b) THEN 'lost-at-shop' ELSE '' END,
            b.order_id, b.kind, :lost_detail(b)
        FROM looked o
        :unlisted_letter_of(o)
        UNION ALL
        SELECT 'other-amount-at-shop', o.id, '', format('%s there, %s here', p.amount, o.amount)
        FROM listed p
        CROSS JOIN LATERAL :order_by_id(p.external_id) o
        WHERE p.amount <> o.amount
        UNION ALL
        SELECT 'twice-at-shop', p.external_id, '', format('amount %s', p.amount)
        FROM listed p
        WHERE p.twice AND :is_order(p.external_id)
        UNION ALL
        SELECT 'unknown-at-shop', '', p.external_id, format('amount %s', p.amount)
        FROM listed p
        WHERE NOT :is_order(p.external_id) AND NOT :is_retired(p.external_id)
            AND :origin(p.external_id) <> 'another'
        UNION ALL
        SELECT 'after-retirement', g.id, m.payment,
            format('archive %s: captured %s, given back %s, disputed %s',
                (SELECT place FROM retired WHERE event = g.event ORDER BY part LIMIT 1),
                m.captured, m.back, m.disputed)
        FROM money m
        CROSS JOIN LATERAL (SELECT * FROM retired_order WHERE id = m.order_id OFFSET 0) g
        WHERE NOT :is_order(g.id)
    ) d
    :with_sum(d) ON d.kind IN ('completed-without-money', 'money-without-order', 'given-back-without-refund',
        'refunded-in-part', 'given-back-too-much', 'refund-failed', 'dispute-lost', 'captured-twice')
), found AS MATERIALIZED (
    :compared(differ)
), other_sum AS (
    SELECT d.name
    FROM (SELECT name, order_id AS id, payment, sum AS accepted FROM drift_accepted) d
    :with_sum(d) ON s.sum <> d.accepted
    WHERE s.sum IS NOT NULL AND d.id IN (SELECT id FROM looked)
), :ended(a.name IN (SELECT name FROM other_sum)), stays AS MATERIALIZED (
    SELECT DISTINCT CASE WHEN id = '' THEN :shop_list() ELSE :our_list() END AS list,
        CASE WHEN id = '' THEN payment ELSE id END AS id
    FROM found
    WHERE nth <= :kept AND (id <> '' OR kind = 'unknown-at-shop')
), gone AS (
    DELETE FROM suspect
    WHERE ctid = ANY (ARRAY(
        SELECT x.ctid
        FROM late, suspect x
        WHERE :whole AND :is_run(:run) AND (x.list, x.id) NOT IN (SELECT list, id FROM stays)
            AND x.at < least(late.at, (SELECT c.at - :ms(:grace_ms) FROM reconcile_cursor c
                WHERE c.provider = 'shop' AND :asked IS NOT NULL))
        ORDER BY x.list, x.id
        FOR UPDATE OF x SKIP LOCKED
    ))
), kept AS (
    INSERT INTO suspect (list, id, at)
    SELECT list, id, '-infinity'
    FROM stays
    ORDER BY list, id
    ON CONFLICT DO NOTHING
)
SELECT n.kind, n.id, n.payment, n.detail, n.of_kind, n.nth, n.name, n.sum, :iso(n.at) AS accepted_at,
    n.reason, n.who
FROM found n
WHERE n.nth <= :most AND n.kind <> ''
ORDER BY n.kind, n.id;

-- Stores a page of the seat service's list of sold seats, [{"seat", "order", ...}], unparsed. Deletes later pages of
-- an earlier run, and pages of readers that stopped an hour ago.
-- statement: reconcile_sold_page
--> reader text
--> part   integer
--> seats  jsonb
--< len    integer
--< last   text
WITH gone AS (
    DELETE FROM sold_page
    WHERE ctid = ANY (ARRAY(
        SELECT ctid
        FROM sold_page
        WHERE (reader = :reader AND part > :part)
            OR (reader <> :reader AND at < now() - interval '1 hour')
        ORDER BY reader, part
        FOR UPDATE SKIP LOCKED
    ))
)
INSERT INTO sold_page (reader, part, seats)
VALUES (:reader, :part, :seats)
ON CONFLICT (reader, part) DO UPDATE SET seats = excluded.seats, at = now()
RETURNING jsonb_array_length(seats) AS len,
    coalesce(seats->-1->>'seat', seats->-1->>'hold', '') AS last;

-- Standing places as one text, so that two lists differ if any part of it does.
-- fragment: places(count, area, category, price)
format('%s x %s (%s, %s each)', :count, :area, :category, :price)

-- The order changed recently, has its seats, or is about to end.
-- fragment: may_have_seats(o)
(:o.changed_at >= late.at
    OR :o.status IN (:ORDER_COMPLETED, :ORDER_CONFIRMING, :ORDER_REFUNDING, :ORDER_PARKED)
    OR :has_open_saga(:o.of))

-- All pages together. Seats, orders and tickets must agree on each seat's order. Standing places have no names: the
-- seat service and the order must agree on their number, area, category and price.
--
-- If a page is missing there is no list, and nothing is reported: the statement divides by zero. The planner cannot
-- know the list's length: FULL JOIN makes it hash or sort where it would otherwise compare each with each (25 s for
-- 20,000 seats).
-- statement: reconcile_seats
--> event    text
--> grace_ms bigint
--> reader   text
--> pages    bigint
--> most     bigint
--> run      bigint
--< drift.*
WITH :late(), done AS (
    UPDATE traded SET compared_at = now() WHERE event = :event
), listed AS MATERIALIZED (
    SELECT e, coalesce(e->>'order', '') AS id
    FROM sold_page p, jsonb_array_elements(p.seats) AS e
    WHERE p.reader = :reader AND p.part < :pages
), sold AS (
    SELECT e->>'seat' AS seat, id
    FROM listed
    WHERE e->>'seat' IS NOT NULL
), ours AS (
    SELECT o.id, o.status, o.changed_at, e.seat
    FROM orders o, jsonb_array_elements_text(o.seats) AS e (seat)
    WHERE o.event = :event AND NOT :is_standing(o)
), good AS (
    SELECT t.id, t.seat, t.order_id, t.issued_at < late.at AND o.changed_at < late.at AS old
    FROM late, ticket t
    JOIN orders o ON o.id = t.order_id
    WHERE t.event = :event AND :is_unrevoked(t) AND NOT t.standing
), seats AS MATERIALIZED (
    SELECT ours.*, s.id AS sold_to
    FROM ours
    FULL JOIN (SELECT seat, max(id) AS id FROM sold GROUP BY seat) s ON s.seat = ours.seat
), sales AS MATERIALIZED (
    SELECT sold.seat, sold.id, ours.id AS of, ours.status, ours.changed_at
    FROM sold
    FULL JOIN ours ON ours.seat = sold.seat AND ours.id = sold.id
), tickets AS MATERIALIZED (
    SELECT good.*, sold.id AS sold_to
    FROM good
    FULL JOIN sold ON sold.seat = good.seat
), here AS (
    SELECT o.id, o.status, o.changed_at,
        :places(jsonb_array_length(o.seats), l->>'place', l->>'category', l->>'price') AS places
    FROM orders o
    CROSS JOIN LATERAL (SELECT o.purchase->'lines'->0 AS l) p
    WHERE o.event = :event AND :is_standing(o)
), there AS (
    SELECT id, string_agg(:places(count, area, category, price), '; ' ORDER BY area, category, price) AS places
    FROM (
        SELECT id, e->>'area' AS area, e->>'category' AS category, e->>'price' AS price,
            sum((e->>'places')::bigint) AS count
        FROM listed
        WHERE e->>'area' IS NOT NULL
        GROUP BY 1, 2, 3, 4
    ) a
    GROUP BY id
), standing AS MATERIALIZED (
    SELECT here.id AS of, here.status, here.changed_at, here.places AS here, there.id, there.places AS there
    FROM here
    FULL JOIN there ON there.id = here.id
), differ AS (
    SELECT d.*, NULL::bigint AS sum
    FROM (
        SELECT 'seat-not-sold' AS kind, seats.id, '' AS payment,
            format('%s%s', seats.seat, ' is sold to ' || seats.sold_to) AS detail
        FROM late, seats
        WHERE seats.status = :ORDER_COMPLETED AND seats.changed_at < late.at
            AND seats.sold_to IS DISTINCT FROM seats.id
        UNION ALL
        SELECT 'sold-without-order', sales.id, '', sales.seat
        FROM late, sales
        WHERE sales.id IS NOT NULL AND NOT :is_retired(sales.id)
            AND (sales.of IS NULL OR NOT :may_have_seats(sales))
        UNION ALL
        SELECT 'places-differ', standing.of, '',
            format('%s here, %s there', standing.here, coalesce(standing.there, 'none'))
        FROM late, standing
        WHERE standing.status = :ORDER_COMPLETED AND standing.changed_at < late.at
            AND standing.there IS DISTINCT FROM standing.here
        UNION ALL
        SELECT 'places-without-order', standing.id, '', standing.there
        FROM late, standing
        WHERE standing.id IS NOT NULL AND NOT :is_retired(standing.id)
            AND (standing.of IS NULL OR NOT :may_have_seats(standing))
        UNION ALL
        SELECT 'two-orders', max(id), '', format('%s: %s', seat, string_agg(id, ', ' ORDER BY id))
        FROM ours
        WHERE status = :ORDER_COMPLETED
        GROUP BY seat
        HAVING count(*) > 1
        UNION ALL
        SELECT 'two-tickets', max(order_id), '',
            format('%s: %s', seat, string_agg(format('%s of %s', id, order_id), ', ' ORDER BY id))
        FROM good
        GROUP BY seat
        HAVING count(*) > 1
        UNION ALL
        SELECT 'ticket-without-seat', tickets.order_id, '',
            format('%s for %s, which is %s', tickets.id, tickets.seat,
                coalesce('sold to ' || tickets.sold_to, 'not sold'))
        FROM tickets
        WHERE tickets.old AND tickets.sold_to IS DISTINCT FROM tickets.order_id
    ) d
), found AS MATERIALIZED (
    :compared(differ)
), :ended(false)
SELECT n.kind, n.id, n.payment, n.detail, n.of_kind, n.nth, n.name, n.sum,
    :iso(n.at) AS accepted_at, n.reason, n.who
FROM found n
WHERE n.nth <= :most / (
    SELECT (count(*) = :pages)::integer
    FROM sold_page p
    WHERE p.reader = :reader AND p.part < :pages
);

-- The events whose turn it is: of all trading events, those that a run chose longest ago.
-- statement: reconcile_events_sold
--> grace_ms bigint
--> most     bigint
--< event    text
UPDATE traded
SET turn_at = now()
WHERE event = ANY (ARRAY(
    SELECT t.event
    FROM traded t
    WHERE :is_traded(t)
    ORDER BY t.turn_at, t.event
    LIMIT :most
    FOR UPDATE SKIP LOCKED
))
RETURNING event;
