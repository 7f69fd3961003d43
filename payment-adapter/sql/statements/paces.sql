-- Pays for a read of the shop's list as for a message to it (shop_take), or returns how long to wait.
-- statement: pace_shop
--> interval_us bigint
--> burst_us    bigint
--< wait_us     bigint
SELECT CASE WHEN granted > 0 THEN 0 ELSE greatest(1, ahead_us - (:burst_us - :interval_us)) END AS wait_us
FROM :not_awaited(), pace_pay('shop', 1, :interval_us, :burst_us);

-- Calls to the payment providers, reported after they were made (core/pace/pace.h): always counted. Returns how far
-- ahead of the clock all processes are.
-- statement: psp_called
--> calls       integer
--> interval_us bigint
--< ahead_us    bigint
SELECT ahead_us
FROM :not_awaited(), pace_pay('psp', :calls, :interval_us, NULL);
