-- A driver that is told no sum, but that nothing is left of a payment, tells the largest one: no more has
-- gone back than was taken. What was read before, of the one provider that speaks so, is told again.
UPDATE pay.psp_payment SET refunded = 9223372036854775807 WHERE provider = 'toss' AND state = 3;

CREATE OR REPLACE VIEW pay.psp_money AS
    SELECT p.provider, p.payment, p.order_id, p.amount, p.captured, p.state, p.seen_at,
        coalesce(r.failed, 0) AS failed, coalesce(r.disputed, 0) AS disputed,
        least(p.captured, greatest(0, greatest(p.refunded, coalesce(r.given, 0)) - coalesce(r.failed, 0))) AS back
    FROM pay.psp_payment p
    LEFT JOIN (SELECT provider, payment,
            sum(amount) FILTER (WHERE kind = 'refund') AS given,
            sum(amount) FILTER (WHERE kind = 'refund' AND state = 2) AS failed,
            sum(amount) FILTER (WHERE kind = 'dispute' AND state <> 1) AS disputed
        FROM pay.psp_return GROUP BY provider, payment) r USING (provider, payment);
