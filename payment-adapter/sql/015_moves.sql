-- Sold seats that move. `moving`: the seats on their way, while a saga has them; their tickets open no
-- door, and the order is neither given back nor moved again. `moves`: how many such sagas have ended,
-- which tells their letters apart.
ALTER TABLE pay.orders
    ADD COLUMN moving   jsonb,
    ADD COLUMN moves    integer NOT NULL DEFAULT 0,
    ADD COLUMN moved_at timestamptz;
