-- A read of the shop's list, paid for as a message to it is (shop_take); or how long it has to wait.
-- statement: pace_shop
--> interval_us bigint
--> burst_us    bigint
--< wait_us     bigint
WITH granted AS (
    :pay_pace('shop', :interval_us, :burst_us, true)
)
SELECT CASE
    WHEN EXISTS (SELECT FROM granted) THEN 0
    ELSE greatest(1, (
        SELECT :left_us(paid) - (:burst_us - :interval_us)
        FROM pace
        WHERE name = 'shop'
    ))
END AS wait_us;

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
