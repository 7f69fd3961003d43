-- pilot.lua: takes one decision of the autopilot, of whichever front comes first in its interval.
--
-- ARGV: run id, interval_ms, silent_ms, heard (1 or 0), rate that the decision was reckoned from, rate
--   decided, reason, why, because (JSON), reading (JSON), audit entry (JSON object, or '' for none)
-- Answer: {outcome, state, version}
--   SAME: decided in this interval already, or this front hears nothing and another one does;
--   CONFLICT: the rate is another one by now; WRONG_STATE: the autopilot is off
--
-- Every front reads the health pages and reckons for itself; all reckon alike, so it does not matter
-- whose decision counts, only that one does. A front that is cut off from the services must not stop a
-- line that others see in good health: silence counts once nobody has heard anything for silent_ms.

local cfg = cfg_read('boot', 'version', 'state', 'pilot_ceiling_milli')
if not cfg[2] then
    return { UNKNOWN, DRAFT, 0 }
end
local refused = refusal(cfg[1])
if refused then
    return refused
end
local version, state, ceiling_milli = tonumber(cfg[2]), tonumber(cfg[3]), tonumber(cfg[4]) or 0
if ceiling_milli == 0 then
    return { WRONG_STATE, state, version }
end
local pilot = prefix .. 'pilot'
local known = call('HMGET', pilot, 'rate_milli', 'at_ms', 'heard_ms')
local at_ms, heard_ms = tonumber(known[2]) or 0, tonumber(known[3]) or 0
local heard = ARGV[4] == '1'
-- A quarter early is early enough: fronts' timers differ.
if now_ms < at_ms + tonumber(ARGV[2]) * 3 / 4 then
    return { SAME, state, version }
elseif not heard and now_ms < heard_ms + tonumber(ARGV[3]) then
    return { SAME, state, version }
elseif known[1] and known[1] ~= ARGV[5] then
    return { CONFLICT, state, version }
end
local rate_milli = math.min(tonumber(ARGV[6]), ceiling_milli)
local fields = { 'rate_milli', rate_milli, 'at_ms', now_ms, 'reason', ARGV[7] }
if heard then
    fields = { 'heard_ms', now_ms, 'reading', ARGV[10], unpack(fields) }
end
if tonumber(known[1]) ~= rate_milli then
    fields = { 'from_milli', ARGV[5], 'moved_ms', now_ms, 'why', ARGV[8], 'because', ARGV[9],
        unpack(fields) }
end
call('HSET', pilot, unpack(fields))
if ARGV[11] ~= '' then
    audit(ARGV[11], version)
end
return { OK, state, version }
