-- The same for every provider: of a payment that is cancelled nothing is left, whatever was taken of it.
CREATE OR REPLACE VIEW pay.psp_money AS
    SELECT p.provider, p.payment, p.order_id, p.amount, p.captured, p.state, p.seen_at,
        coalesce(r.failed, 0) AS failed, coalesce(r.disputed, 0) AS disputed,
        CASE WHEN p.state = 3 THEN p.captured
            ELSE greatest(0, greatest(p.refunded, coalesce(r.given, 0)) - coalesce(r.failed, 0)) END AS back
    FROM pay.psp_payment p
    LEFT JOIN (SELECT provider, payment,
            sum(amount) FILTER (WHERE kind = 'refund') AS given,
            sum(amount) FILTER (WHERE kind = 'refund' AND state = 2) AS failed,
            sum(amount) FILTER (WHERE kind = 'dispute' AND state <> 1) AS disputed
        FROM pay.psp_return GROUP BY provider, payment) r USING (provider, payment);
