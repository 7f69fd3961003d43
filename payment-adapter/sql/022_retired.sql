-- Events that are long over leave for files (common/archive/retire.h). What stays is a row for each
-- part, with the event's sums and the digest of the archive, and the names of its orders: an order's
-- page, a late dispute and the shop's list can then be told from what never was.
CREATE TABLE pay.retired (
    event     text NOT NULL,
    part      integer NOT NULL,
    state     text NOT NULL CHECK (state IN ('deleting', 'retired', 'left')),
    place     text NOT NULL,  -- the folder to which it was written
    digest    text NOT NULL,  -- SHA-256 of the manifest there
    rows      bigint NOT NULL,
    totals    jsonb NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now(),
    ended_at  timestamptz,
    PRIMARY KEY (event, part)
);

-- A hundred bytes an order, of seven thousand before. Nothing in it is about a person.
CREATE TABLE pay.retired_order (
    id       text PRIMARY KEY,
    event    text NOT NULL,
    provider text NOT NULL,
    payment  text
);
CREATE INDEX retired_order_event ON pay.retired_order (event);
CREATE INDEX retired_order_payment ON pay.retired_order (payment) WHERE payment IS NOT NULL;

-- Steps and the audit stay append-only; an event that is being retired may be deleted by the session that
-- names it. Nobody may ever change a row.
CREATE OR REPLACE FUNCTION pay.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM pay.retired
            WHERE event = current_setting('fairgate.retiring', true) AND state = 'deleting') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

-- The orders of an event, those that are gone as well: something about them may come late.
CREATE FUNCTION pay.orders_of(text) RETURNS TABLE (id text, provider text, payment text)
STABLE LANGUAGE sql AS $$
    SELECT id, provider, payment FROM pay.orders WHERE event = $1
    UNION
    SELECT id, provider, payment FROM pay.retired_order WHERE event = $1
$$;

-- What an order's money should be: what the provider holds of it for good.
CREATE VIEW pay.order_money AS
    SELECT o.id, o.event, o.provider, o.currency, o.status, o.amount,
        coalesce(o.refund_amount, o.amount) AS refund_amount, m.captured, m.back, m.disputed
    FROM pay.orders o
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(m.captured), 0) AS captured, coalesce(sum(m.back), 0) AS back,
            coalesce(sum(m.disputed), 0) AS disputed
        FROM (SELECT provider, payment FROM pay.psp_payment WHERE order_id = o.id OFFSET 0) p
        CROSS JOIN LATERAL (SELECT * FROM pay.psp_money
            WHERE provider = p.provider AND payment = p.payment OFFSET 0) m) m;

-- What speaks against it, a sentence each; none: it may go.
CREATE FUNCTION pay.retire_refusals(ev text, after interval) RETURNS SETOF text
STABLE LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    n bigint;
    one text;
BEGIN
    SELECT max(coalesce(starts_at, created_at)), count(*) INTO began, n FROM pay.orders WHERE event = ev;
    IF n = 0 AND NOT EXISTS (SELECT FROM pay.retired WHERE event = ev) THEN
        RETURN NEXT 'no order of it is here';
    END IF;
    IF began > now() - after THEN
        RETURN NEXT format('it began at %s, and may be retired at %s', began, began + after);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders o
        WHERE o.event = ev AND (o.moving IS NOT NULL
            OR o.status NOT IN ('completed', 'cancelled', 'expired', 'failed', 'refunded'));
    IF n > 0 THEN
        RETURN NEXT format('%s orders are not at their end, such as %s', n, one);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders_of(ev) o
        CROSS JOIN LATERAL (SELECT FROM pay.saga s
            WHERE s.subject = o.id AND (s.state < 2 OR s.parked)) s;
    IF n > 0 THEN
        RETURN NEXT format('%s sagas are open or parked, such as that of %s', n, one);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders_of(ev) o
        CROSS JOIN LATERAL (
            SELECT FROM pay.shop_outbox b WHERE b.order_id = o.id AND b.done_at IS NULL
            UNION ALL
            SELECT FROM pay.mail_outbox b WHERE b.order_id = o.id AND b.done_at IS NULL) b;
    IF n > 0 THEN
        RETURN NEXT format('%s letters and mails have not gone out, such as one of %s', n, one);
    END IF;
    SELECT count(*), min(o.id) INTO n, one FROM pay.orders_of(ev) o
        CROSS JOIN LATERAL (SELECT FROM pay.psp_return r
            WHERE r.provider = o.provider AND r.payment = o.payment AND r.state = 0) r;
    IF n > 0 THEN
        RETURN NEXT format('%s disputes and refunds are under way, such as one of %s', n, one);
    END IF;
    -- Of an event whose last part left something the payments went with that part.
    SELECT count(*), min(m.id) INTO n, one FROM pay.order_money m
        WHERE m.event = ev AND NOT EXISTS (SELECT FROM pay.retired WHERE event = ev AND state = 'left')
        AND CASE m.status
            WHEN 'completed' THEN m.captured <> m.amount OR m.back <> 0 OR m.disputed <> 0
            WHEN 'refunded' THEN m.captured - m.back - m.disputed > m.amount - m.refund_amount
            ELSE m.captured <> m.back + m.disputed END;
    IF n > 0 THEN
        RETURN NEXT format('the money of %s orders is not what it should be, such as that of %s', n, one);
    END IF;
    IF EXISTS (SELECT FROM pay.orders WHERE event = ev AND changed_at >= coalesce(
            (SELECT passed_at FROM pay.reconciled), '-infinity')) THEN
        RETURN NEXT 'reconciliation has not gone through all orders since one of them changed';
    END IF;
END $$;

-- Nothing has to be done here before the files are written.
CREATE FUNCTION pay.retire_begin(ev text, after interval) RETURNS void LANGUAGE sql AS $$ SELECT $$;

-- For the accountant, of what is still here: sums by provider, currency and status.
CREATE FUNCTION pay.retire_totals(ev text) RETURNS jsonb STABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'name', (SELECT max(event_name) FROM pay.orders WHERE event = ev),
        'starts_at', (SELECT max(starts_at) FROM pay.orders WHERE event = ev),
        'tickets', (SELECT count(*) FROM pay.ticket WHERE event = ev AND revoked_at IS NULL),
        'orders', coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.provider, s.currency, s.status) FROM (
            SELECT m.provider, m.currency, m.status, count(*) AS orders, sum(m.amount) AS amount,
                sum(m.captured) AS captured, sum(m.back) AS given_back, sum(m.disputed) AS disputed
            FROM pay.order_money m WHERE m.event = ev
            GROUP BY m.provider, m.currency, m.status) s), '[]'),
        -- What was told of orders that are in an earlier part.
        'late', coalesce((SELECT jsonb_agg(to_jsonb(l) ORDER BY l."order") FROM (
            SELECT g.id AS "order", m.provider, m.payment, m.captured, m.back AS given_back, m.disputed
            FROM pay.retired_order g
            CROSS JOIN LATERAL (SELECT * FROM pay.psp_money WHERE order_id = g.id OFFSET 0) m
            WHERE g.event = ev AND NOT EXISTS (SELECT FROM pay.orders o WHERE o.id = g.id)
            ORDER BY g.id LIMIT 50) l), '[]'))
$$;

-- From here on no order of it is given back or moved: its acts lock the order's row and then find its name.
CREATE FUNCTION pay.retire_seal(ev text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pay.orders WHERE event = ev ORDER BY id FOR UPDATE;
    INSERT INTO pay.retired_order (id, event, provider, payment)
        SELECT id, event, provider, payment FROM pay.orders WHERE event = ev ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION pay.retire_done(ev text, nth integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pay.suspect x USING pay.retired_order o
        WHERE o.event = ev AND x.list IN ('', 'shop') AND x.id = o.id;
    DELETE FROM pay.suspect x USING pay.retired_order o
        WHERE o.event = ev AND x.list = o.provider AND x.id = o.payment;
    DELETE FROM pay.traded WHERE event = ev;
    INSERT INTO pay.audit (event, act, subject, actor, detail)
        SELECT ev, 'retired', ev, 'operator',
            jsonb_build_object('part', part, 'place', place, 'digest', digest, 'rows', rows)
        FROM pay.retired WHERE event = ev AND part = nth;
END $$;
