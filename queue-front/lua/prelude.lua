-- prelude.lua: stands before every other script of this folder; README.md tells the data model. Names in
-- capitals, and those that begin with ask_, tell_ or knobs, are of wire.list.
-- What is defined here is made again at each call, so it is only what each script needs.
--
-- KEYS[1] is fg:{EVENT}:cfg, or fg:{EVENT}:@1:cfg for the first lane next to the general one, and so
-- on. All other keys of the event share its hash tag, hence its slot, and are named from it: `prefix`
-- is the line's own, `root` the event's. Document, state, knobs and sessions are the event's, places
-- and all that is counted by them are the line's. ARGV[1] is always the run id of the Redis that the front believes to speak
-- to: the counters are trusted only as long as `boot` in cfg names the same run.
--
-- Numbers: everything here is an integer below 2^53 unless said otherwise. Redis writes numeric
-- arguments with 17 digits; Lua's own `..` keeps 14, so it may join milliseconds and places (13
-- digits at most) but never microseconds.

local call = redis.call
local prefix = string.sub(KEYS[1], 1, -4)
local lane = string.sub(prefix, -3, -3) == '@' and tonumber(string.sub(prefix, -2, -2)) or 0
local root = lane == 0 and prefix or string.sub(prefix, 1, -4)
local CFG = root .. KEY.cfg

-- ---- the clock of all scripts ----
--
-- All times of an event are on one clock that never jumps: Redis's and an offset, `clock_off_us`, that
-- takes up its steps. Fronts say with each call ("RUN@MS") what this clock must show by now: the time of
-- their last tick, and what went by since on a clock that nobody can set. Further apart than CLOCK_STEP_MS,
-- no script does anything until heal.lua has moved the offset; ticks bring it back to 0 slowly. (What
-- Redis expires by itself, marks and codes, uses Redis's own clock.)
local clock = call('TIME')
local redis_us = clock[1] * 1000000 + clock[2]
local off_us, now_us, now_ms

-- cfg_read() sets it with what it reads; a script that needs the time earlier asks for the offset itself.
local function clock_set(to_us)
    off_us, now_us = to_us, redis_us + to_us
    now_ms = math.floor(now_us / 1000)
end

-- ARGV[1] is "RUN@MS:INCARNATION". An event that was made again under the same id is another one. Its
-- incarnation, when it was made and six random digits, tells them apart and which is the newer; '': there is
-- no event. `known`: of the front; nil: it knows none.
local expected_ms, known, incarnation
do
    local run, ms, colon, at = string.match(ARGV[1], '^([^:@]*)@?(%d*)(:?)()')
    known = colon ~= '' and string.sub(ARGV[1], at) or nil
    ARGV[1], expected_ms = run, tonumber(ms)
end

-- By how much the clock has jumped; 0: it has not.
local function clock_step_ms()
    local step_ms = expected_ms and now_ms - expected_ms or 0
    return math.abs(step_ms) > CLOCK_STEP_MS and step_ms or 0
end

-- Fields of the event's cfg, by a list of wire.list, whose first two are the offset of the clock and the incarnation.
-- Those that each lane has of its own are read of the lane: the one that each_line() is at, which need not be that of KEYS[1].
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

-- Why nothing that this front asks can be done here; nil: go on. RENEWED: it knows an older event of
-- this id and shall forget it. HEAL: Redis was restarted, or has gone back to an older event.
local function refusal(boot)
    if known and incarnation > known then
        return { RENEWED }
    elseif boot ~= ARGV[1] or (known and incarnation < known) or clock_step_ms() ~= 0 then
        return { HEAL }
    end
end

-- A place's name among the sessions of the event, as it stands in session names and passes.
local function session_of(place)
    return lane * 4294967296 + place
end
