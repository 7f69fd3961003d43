-- prelude.lua: stands before every other script of this folder; README.md tells the data model.
-- What is defined here is made anew at each call, so it is only what each script needs; the helpers of
-- those that do more than give places are in helpers.lua.
--
-- KEYS[1] is fg:{EVENT}:cfg, or fg:{EVENT}:@1:cfg for the first lane beside the general one, and so
-- on. All other keys of the event share its hash tag, hence its slot, and are named from it: `prefix`
-- is the line's own, `root` the event's. Document, state, knobs and sessions are the event's, places
-- and all that is counted by them are the line's. ARGV[1] is always the run id of the Redis that the front believes to speak
-- to: the counters are trusted only as long as `boot` in cfg names the same run.
--
-- Numbers: everything here is an integer below 2^53 unless said otherwise. Redis writes numeric
-- arguments with 17 digits; Lua's own `..` keeps 14, so it may join milliseconds and places (13
-- digits at most) but never microseconds.

-- The order of enum line_outcome and enum line_state.
local OK, SAME, UNKNOWN, WRONG_STATE, LIMITED, NOT_YET, EXPIRED, GONE, CONFLICT, HEAL =
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local MOVED, INSIDE, NO_CODE, CODE_USED, EXHAUSTED, RENEWED = 10, 11, 12, 13, 14, 15
local MEMBER_INSIDE = 18
local DRAFT, SCHEDULED, PRE_QUEUE, OPEN, PAUSED, SOLD_OUT, CLOSED, FROZEN = 0, 1, 2, 3, 4, 5, 6, 7

-- The order of enum turn_kind: what became of a place after its call.
local KEPT, ENDED, DONE = 1, 2, 3
local KEPT_MEMORY_MS = 86400000 -- longer than any grace: by then nobody asks for that call
local TURNS_MAX = 65536 -- of the log, about 2 MB: a front that starts learns so many

local call = redis.call
local prefix = string.sub(KEYS[1], 1, -4)
local lane = tonumber(string.match(prefix, '@(%d):$')) or 0
local root = lane == 0 and prefix or string.sub(prefix, 1, -4)
local CFG = root .. 'cfg'
local clock = call('TIME')
local redis_us = clock[1] * 1000000 + clock[2]
local now_us, now_ms

-- ---- the house's clock ----
--
-- All times of an event are on one clock that never jumps: Redis's and an offset, `clock_off_us`, that
-- takes up its steps. Fronts say with each call ("RUN@MS") what this clock must show by now: the time of
-- their last tick, and what went by since on a clock that nobody can set. Further apart than this, no
-- script does anything until heal.lua has moved the offset. (What Redis expires by itself goes by its own
-- clock: marks and codes.)
local CLOCK_STEP_MS = 5000 -- longer than a call may be on its way
local expected_ms = tonumber(string.match(ARGV[1], '^[^:]*@(%d+)'))
local off_us

local function clock_set(to_us)
    off_us, now_us = to_us, redis_us + to_us
    now_ms = math.floor(now_us / 1000)
end
clock_set(string.sub(KEYS[1], -4) == ':cfg' and tonumber(call('HGET', CFG, 'clock_off_us')) or 0)

-- By how much the clock has jumped; 0: it has not.
local function clock_step_ms()
    local step_ms = expected_ms and now_ms - expected_ms or 0
    return math.abs(step_ms) > CLOCK_STEP_MS and step_ms or 0
end

-- ---- lanes ----

local OF_THE_LINE = {
    boot = true, seed = true, entries = true, beacon = true, drawn_ms = true, closed = true,
    closed_ms = true,
}

-- An event that was made anew under the same id is another one. Its incarnation, when it was made
-- and six random digits, tells them apart and which is the newer; '' belongs to events that are
-- older than incarnations. `known`: of the front; nil: it knows none.
local known = string.match(ARGV[1], ':(.*)$')
ARGV[1] = string.match(ARGV[1], '^[^:@]*')
local incarnation = ''

local function cfg_read(...)
    local values = call('HMGET', CFG, 'incarnation', ...)
    incarnation = table.remove(values, 1) or ''
    if lane > 0 then
        for i, name in ipairs({ ... }) do
            if OF_THE_LINE[name] then
                values[i] = call('HGET', KEYS[1], name)
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

local WRONG_CODES_MAX = 20 -- a minute from one address, of moves and of joins together
local WORK_MINUTES = 6 -- a challenge lives for five; then nobody can show its work again
