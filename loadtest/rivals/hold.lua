-- The usual flash-sale design: seats as a hash in Redis, a script that looks and takes. One seat a
-- call, no rules, nobody's limit, no expiry but a sorted set that some cleaner would read.
--   KEYS  seats (hash seat -> buyer), expiries (sorted set)
--   ARGV  seat, buyer, when it expires
if redis.call("HSETNX", KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call("ZADD", KEYS[2], ARGV[3], ARGV[1])
return 1
