-- What people call the event and their places, as it stood when they ordered: for the page, the ticket
-- and the mail. Halls and names may change later; what was bought does not.
ALTER TABLE pay.orders
    ADD COLUMN event_name text NOT NULL DEFAULT '',
    ADD COLUMN starts_at  timestamptz,
    ADD COLUMN places     jsonb NOT NULL DEFAULT '[]'; -- [{id, zone, row, number, category}]
