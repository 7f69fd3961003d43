-- Events about payments from providers, and the shop's login tokens; each counts once.

-- Wakes the sagas of a list, except those whose rows are locked: the engine's commits change rows in an order of their
-- own, so waiting for them could deadlock.
-- fragment: wake_free(list)
free AS MATERIALIZED (
    SELECT s.id
    FROM saga s
    WHERE s.id IN (SELECT saga FROM :list)
    FOR UPDATE SKIP LOCKED
), w AS (
    UPDATE saga s
    SET :woken()
    FROM free
    WHERE s.id = free.id
    RETURNING s.id
)

-- A batch of webhooks, as columns. Only events about an open order of ours are stored; it is found by its payment or
-- by the order that the payment names. A saga whose row was locked still has to be woken. OFFSET 0: each row is looked
-- up by its key, whatever the planner estimates. For new tables it would rather read all orders with a payment, and
-- all open sagas, for each batch.
-- statement: webhook_events
--> provider text[]
--> id       text[]
--> kind     text[]
--> payment  text[]
--> order    text[]
--< is_new   boolean
--< to_wake  boolean
--< order_id text
--< woken    boolean
--< ours     boolean
WITH h AS MATERIALIZED (
    SELECT provider, id, coalesce(kind, '') AS kind, payment, "order", nth,
        row_number() OVER (PARTITION BY provider, id ORDER BY nth) AS copy
    FROM unnest(:provider, :id, :kind, :payment, :order)
        WITH ORDINALITY AS h (provider, id, kind, payment, "order", nth)
), named AS MATERIALIZED (
    SELECT o.id, h.nth
    FROM h
    CROSS JOIN LATERAL (SELECT id FROM order_payment WHERE payment = h.payment OFFSET 0) o
    UNION
    SELECT o.id, h.nth
    FROM h
    CROSS JOIN LATERAL (SELECT id FROM orders WHERE id = h."order" OFFSET 0) o
), about AS MATERIALIZED (
    SELECT DISTINCT ON (n.nth) n.nth, s.id AS saga, s.subject
    FROM named n
    CROSS JOIN LATERAL (
        SELECT id, subject, state, parked FROM saga WHERE subject = n.id OFFSET 0
    ) s
    WHERE :is_open(s) AND NOT s.parked
    ORDER BY n.nth, s.id DESC
), e AS (
    INSERT INTO webhook_event (provider, id, kind, payment)
    SELECT provider, id, kind, payment
    FROM h
    JOIN about USING (nth)
    WHERE copy = 1
    ORDER BY provider, id
    ON CONFLICT DO NOTHING
    RETURNING provider, id
), fresh AS MATERIALIZED (
    SELECT a.saga, a.nth
    FROM e
    JOIN h ON h.provider = e.provider AND h.id = e.id AND h.copy = 1
    JOIN about a USING (nth)
), :wake_free(fresh)
SELECT fresh.nth IS NOT NULL AS is_new,
    fresh.nth IS NOT NULL AND fresh.saga NOT IN (SELECT id FROM w) AS to_wake,
    about.subject AS order_id, EXISTS (SELECT FROM w) AS woken, about.nth IS NOT NULL AS ours
FROM h
LEFT JOIN about USING (nth)
LEFT JOIN fresh USING (nth)
ORDER BY h.nth;

-- Wakes sagas whose rows were locked before; `locked`: still locked.
-- statement: orders_wake
--> orders text[]
--< locked boolean
--< woken  boolean
WITH h AS MATERIALIZED (
    SELECT h.nth, s.id AS saga
    FROM unnest(:orders) WITH ORDINALITY AS h ("order", nth)
    LEFT JOIN LATERAL (
        SELECT id, state, parked FROM saga WHERE subject = h."order" OFFSET 0
    ) s ON :is_open(s) AND NOT s.parked
), :wake_free(h)
SELECT bool_or(h.saga IS NOT NULL AND free.id IS NULL) AS locked, bool_or(free.id IS NOT NULL) AS woken
FROM h
LEFT JOIN free ON free.id = h.saga
GROUP BY h.nth
ORDER BY h.nth;
