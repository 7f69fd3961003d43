-- The last wall: among the good tickets one is for a seat, whichever the order. (A place of an area has
-- no number of its own; the order's stands for one, "floor#3", and is unique within the order.)
--
-- A database that has two good tickets for a seat already must not keep the service from starting: the
-- wall is left out and the seats are told, at this and every later start, until one of each pair is
-- revoked. README.md says how. Answers how many seats have two.
CREATE FUNCTION pay.ticket_wall() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    pairs text;
    seats bigint;
BEGIN
    IF to_regclass('pay.ticket_of_seat') IS NOT NULL THEN
        RETURN 0;
    END IF;
    BEGIN
        CREATE UNIQUE INDEX ticket_of_seat ON pay.ticket (event, seat)
            WHERE revoked_at IS NULL AND seat NOT LIKE '%#%';
        RETURN 0;
    EXCEPTION WHEN unique_violation THEN
        SELECT count(*), string_agg(told, '; ') FILTER (WHERE nth <= 50) INTO seats, pairs
        FROM (SELECT format('%s %s: %s', event, seat,
                string_agg(format('%s of %s', id, order_id), ', ' ORDER BY issued_at, id)) AS told,
                row_number() OVER (ORDER BY event, seat) AS nth
            FROM pay.ticket WHERE revoked_at IS NULL AND seat NOT LIKE '%#%'
            GROUP BY event, seat HAVING count(*) > 1) twice;
        RAISE WARNING '% seats have two good tickets, so nothing keeps them from more: %', seats, pairs;
        RETURN seats;
    END;
END $$;
