-- The usual flash-sale design: seats in a Redis hash, one script that checks and takes a seat. One seat
-- per call, no rules, no limits; for expiry only a sorted set that a cleaner would read.
--   KEYS  seats (hash seat -> buyer), expiries (sorted set)
--   ARGV  seat, buyer, expiry time
if redis.call("HSETNX", KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call("ZADD", KEYS[2], ARGV[3], ARGV[1])
return 1
