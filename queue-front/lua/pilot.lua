-- pilot.lua: takes one decision of the autopilot, from the first front in its interval.
--
-- Arguments ask_pilot, returns reply_change.
--   SAME: already decided in this interval, or this front has no readings and another one does;
--   CONFLICT: the rate has changed; WRONG_STATE: the autopilot is off
--
-- Every front reads the health pages and decides by itself. All use the same rules, so it does not matter whose
-- decision is taken. A front that cannot reach the services must not stop a line that others see in good health:
-- silence counts once no front has had a reading for silent_ms.

local cfg = cfg_read(cfg_pilot.names)
if not cfg[cfg_pilot.version] then
    return { UNKNOWN, DRAFT, 0 }
end
local refused = refusal(cfg[cfg_pilot.boot])
if refused then
    return refused
end
local version, state = tonumber(cfg[cfg_pilot.version]), tonumber(cfg[cfg_pilot.state])
local ceiling_milli = tonumber(cfg[cfg_pilot.pilot_ceiling_milli]) or 0
if ceiling_milli == 0 then
    return { WRONG_STATE, state, version }
end
local pilot = prefix .. KEY.pilot
local known = call('HMGET', pilot, 'rate_milli', 'at_ms', 'heard_ms')
local at_ms, heard_ms = tonumber(known[2]) or 0, tonumber(known[3]) or 0
local answered = ARGV[ask_pilot.answered] == '1'
-- A quarter early is accepted: fronts' timers differ.
if now_ms < at_ms + tonumber(ARGV[ask_pilot.interval_ms]) * 3 / 4 then
    return { SAME, state, version }
elseif not answered and now_ms < heard_ms + tonumber(ARGV[ask_pilot.silent_ms]) then
    return { SAME, state, version }
elseif known[1] and known[1] ~= ARGV[ask_pilot.from_milli] then
    return { CONFLICT, state, version }
end
local rate_milli = math.min(tonumber(ARGV[ask_pilot.to_milli]), ceiling_milli)
local fields = { 'rate_milli', rate_milli, 'at_ms', now_ms, 'reason', ARGV[ask_pilot.reason] }
if answered then
    fields = { 'heard_ms', now_ms, 'reading', ARGV[ask_pilot.reading], unpack(fields) }
end
if tonumber(known[1]) ~= rate_milli then
    fields = { 'from_milli', ARGV[ask_pilot.from_milli], 'moved_ms', now_ms, 'why', ARGV[ask_pilot.why], 'because', ARGV[ask_pilot.because],
        unpack(fields) }
end
call('HSET', pilot, unpack(fields))
if ARGV[ask_pilot.audit] ~= '' then
    audit(ARGV[ask_pilot.audit], version)
end
return { OK, state, version }
