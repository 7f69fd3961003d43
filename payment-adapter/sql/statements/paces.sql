-- Calls to the payment providers, told after they were made (core/pace/pace.h): always counted, and
-- answered by how far ahead of the clock all processes are.
-- statement: psp_called
--> calls       integer
--> interval_us bigint
--< ahead_us    bigint
INSERT INTO pace AS p (name, paid)
VALUES ('psp', now() + :us(:calls * :interval_us))
ON CONFLICT (name) DO UPDATE
SET paid = greatest(p.paid, now()) + :us(:calls * :interval_us)
RETURNING :left_us(p.paid) AS ahead_us;
