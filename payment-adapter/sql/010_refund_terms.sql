-- Until when, by whom and what part of an order is given back. An operator sets it for an event; the
-- row of the event '' is the configuration's and holds for all others.
CREATE TABLE pay.refund_terms (
    event          text PRIMARY KEY,
    version        integer NOT NULL DEFAULT 1,
    granted_to     text NOT NULL CHECK (granted_to IN ('buyer', 'operator')),
    until_at       timestamptz, -- and
    before_start_s bigint,      -- whichever is earlier; neither: without end
    percent        smallint NOT NULL CHECK (percent BETWEEN 1 AND 100),
    handed_on      boolean NOT NULL, -- also when a ticket is somebody else's by now
    changed_at     timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION pay.refund_terms_of(text, timestamptz) RETURNS jsonb STABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object('by', t.granted_to, 'percent', t.percent, 'handed_on', t.handed_on,
        'until', to_char(least(t.until_at, $2 - t.before_start_s * interval '1 s')
            AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
    FROM pay.refund_terms t WHERE t.event IN ($1, '') ORDER BY t.event DESC LIMIT 1
$$;
-- A buyer is held to what was told before the payment: the terms are the order's, as they stood when it
-- was made (NULL: it was made before there were any).
ALTER TABLE pay.orders
    ADD COLUMN refund_terms  jsonb,
    ADD COLUMN refund_amount bigint; -- what went back, or is going
