-- prelude.lua: precedes every other script of this folder; README.md describes the data model. Names in capitals, and
-- those that begin with ask_, reply_ or knobs, come from wire.list. Definitions here run again at each call, so only
-- what every script needs belongs here.
--
-- KEYS[1] is fg:{EVENT}:cfg, or fg:{EVENT}:@1:cfg for the first lane next to the general line, and so on. All other
-- keys of the event share its hash tag, hence its slot, and are derived from it: `prefix` is the line's own, `root` the
-- event's. Document, state, knobs and sessions are the event's; places and the counters of places are the line's.
-- ARGV[1] always begins with the run id of the Redis that the front expects: counters are trusted only as long as
-- `boot` in cfg names the same run.
--
-- Numbers: everything here is an integer below 2^53 unless noted. Redis writes numeric arguments with 17 digits; Lua's
-- own `..` keeps 14, so it may be used on milliseconds and places (13 digits at most) but never on microseconds.

local call = redis.call
local prefix = string.sub(KEYS[1], 1, -4)
local lane = string.sub(prefix, -3, -3) == '@' and tonumber(string.sub(prefix, -2, -2)) or 0
local root = lane == 0 and prefix or string.sub(prefix, 1, -4)
local CFG = root .. KEY.cfg

-- Of the keys of the event's own line (0) or of a lane.
local function prefix_of(of_lane)
    return of_lane == 0 and root or root .. '@' .. of_lane .. ':'
end

-- ---- the clock of all scripts ----
--
-- All times of an event are on one clock that never jumps: Redis's plus an offset, `clock_off_us`, that absorbs its
-- steps. Each call has the time that this clock must at least show ("RUN@MS"): the time of the front's last tick, plus
-- the time since on a monotonic clock. If the difference exceeds CLOCK_STEP_MS, no script does anything until heal.lua
-- has moved the offset; ticks bring it back to 0 slowly. (Keys that Redis expires, marks and codes, use Redis's own
-- clock.)
local clock = call('TIME')
local redis_us = clock[1] * 1000000 + clock[2]
local off_us, now_us, now_ms

-- cfg_read() sets it along with its reads; a script that needs the time earlier reads the offset itself.
local function clock_set(to_us)
    off_us, now_us = to_us, redis_us + to_us
    now_ms = math.floor(now_us / 1000)
end

-- ARGV[1] is "RUN@MS:INCARNATION". An event that was created again under the same id is another one. Its incarnation,
-- its time of creation and six random digits, identifies it and tells which is newer; '': no event. `known`: the
-- front's; nil: it knows none.
local expected_ms, known, incarnation
do
    local run, ms, colon, at = string.match(ARGV[1], '^([^:@]*)@?(%d*)(:?)()')
    known = colon ~= '' and string.sub(ARGV[1], at) or nil
    ARGV[1], expected_ms = run, tonumber(ms)
end

-- How far the clock has jumped; 0: it has not.
local function clock_step_ms()
    local step_ms = expected_ms and now_ms - expected_ms or 0
    return math.abs(step_ms) > CLOCK_STEP_MS and step_ms or 0
end

-- Fields of the event's cfg, from a list in wire.list whose first two are the offset of the clock and the incarnation.
-- Fields that each lane has for itself are read from the lane: the one that each_line() is at, which need not be
-- KEYS[1]'s.
local function cfg_read(...)
    local values = call('HMGET', CFG, ...)
    clock_set(tonumber(values[1]) or 0)
    incarnation = values[2] or ''
    if lane > 0 then
        local of_the_line = {
            boot = true, seed = true, entries = true, beacon = true, drawn_ms = true, closed = true,
            closed_ms = true, epoch = true, lease = true, opening = true, opened = true, full_from = true,
        }
        for i, name in ipairs({ ... }) do
            if of_the_line[name] then
                values[i] = call('HGET', prefix .. KEY.cfg, name)
            end
        end
    end
    return values
end

-- Why this front's call must be refused; nil: go on. RENEWED: the front knows an older event with this id and must
-- forget it. HEAL: Redis was restarted, or has gone back to an older event.
local function refusal(boot)
    if known and incarnation > known then
        return { RENEWED }
    elseif boot ~= ARGV[1] or (known and incarnation < known) or clock_step_ms() ~= 0 then
        return { HEAL }
    end
end

-- A place's member name in the event's sessions, as in session names and passes.
local function session_of(place)
    return lane * 4294967296 + place
end
