-- Money that goes back, or that the buyer's bank asks back: each refund and each dispute as the provider's
-- list tells it. States only rise, as the events come in any order and any number of times.
CREATE TABLE pay.psp_return (
    provider text NOT NULL,
    id       text NOT NULL,
    payment  text NOT NULL,
    kind     text NOT NULL,               -- refund, dispute
    amount   bigint NOT NULL DEFAULT 0,
    state    smallint NOT NULL DEFAULT 0, -- 0 under way, 1 done (of a dispute: won), 2 failed (lost)
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, id)
);
CREATE INDEX psp_return_payment ON pay.psp_return (provider, payment);

-- Each payment with what has really gone back of it: by refunds what was told less what failed (cancelled
-- means at Toss that nothing is left, at Stripe that nothing was taken), and by disputes that are not won.
CREATE VIEW pay.psp_money AS
    SELECT p.provider, p.payment, p.order_id, p.amount, p.captured, p.state, p.seen_at,
        coalesce(r.failed, 0) AS failed, coalesce(r.disputed, 0) AS disputed,
        CASE WHEN p.provider = 'toss' AND p.state = 3 THEN p.captured
            ELSE greatest(0, greatest(p.refunded, coalesce(r.given, 0)) - coalesce(r.failed, 0)) END AS back
    FROM pay.psp_payment p
    LEFT JOIN (SELECT provider, payment,
            sum(amount) FILTER (WHERE kind = 'refund') AS given,
            sum(amount) FILTER (WHERE kind = 'refund' AND state = 2) AS failed,
            sum(amount) FILTER (WHERE kind = 'dispute' AND state <> 1) AS disputed
        FROM pay.psp_return GROUP BY provider, payment) r USING (provider, payment);

-- Where the provider had forgotten our place in its list: up to when it was read, and when that was seen.
ALTER TABLE pay.reconcile_cursor ADD COLUMN gap_from timestamptz, ADD COLUMN gap_at timestamptz;
