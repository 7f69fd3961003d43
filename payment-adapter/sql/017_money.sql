-- The money beside the numbers of orders, in minor units: what the orders completed within these ten
-- seconds brought, and what the refunds completed within them took. Of the time before this step it is
-- reckoned from the sagas: each is in the first row that ends after it, also where rows were thinned.
ALTER TABLE pay.counted
    ADD COLUMN captured   bigint NOT NULL DEFAULT 0,
    ADD COLUMN given_back bigint NOT NULL DEFAULT 0;

UPDATE pay.counted c
SET captured = m.captured, given_back = m.given_back
FROM (
    SELECT o.event, w.at,
        coalesce(sum(o.amount) FILTER (WHERE s.key LIKE 'checkout.%'), 0) AS captured,
        coalesce(sum(coalesce(o.refund_amount, o.amount)) FILTER (WHERE s.key LIKE 'refund.%'), 0) AS given_back
    FROM pay.saga s
    JOIN pay.orders o ON o.id = s.subject
    CROSS JOIN LATERAL (SELECT min(at) AS at FROM pay.counted WHERE event = o.event AND at > s.ended_at) w
    WHERE s.state = 2
    GROUP BY o.event, w.at
) m
WHERE c.event = m.event AND c.at = m.at;
