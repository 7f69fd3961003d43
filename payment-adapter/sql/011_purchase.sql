-- What an order bought, as it was told to its buyer and is bound to its hold: {version, digest, event,
-- currency, lines: [{place, category, price, count}], fees, total, terms}. NULL: ordered before that.
ALTER TABLE pay.orders ADD COLUMN purchase jsonb;

-- An order that the seats refused before they were its own never had the hold: its buyer orders again.
DROP INDEX pay.orders_hold;
CREATE UNIQUE INDEX orders_hold ON pay.orders (event, hold)
    WHERE cause IS NULL OR cause NOT IN ('buyer-limit', 'purchase-differs');
