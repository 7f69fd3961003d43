-- turns.lua: the outcomes of places, as sent to all fronts.

-- Sends the outcome of a place of this lane to all fronts; each of them knows it from its next tick on. Of a visit
-- `times` is 1 if it was ended, not by the clock; GIVEN_UP is of an entry.
local function turn_log(of_lane, of_place, kind, until_ms, times)
    local key = (of_lane == 0 and root or root .. '@' .. of_lane .. ':') .. KEY.turns
    call('XADD', key, 'MAXLEN', '~', TURNS_MAX, '*', 't',
        string.format('%d:%d:%d:%d', of_place, kind, until_ms or 0, times or 0))
end

-- Calls that were made longer: `kept` has until when * 16 + how often. When, here and in the log, is
-- without `stood_ms` of the bucket, for how long the line has ever stood still (sold out, frozen): so nothing
-- has to be written when it moves again.
local function kept_read(score, stood_ms)
    score = tonumber(score)
    if not score then
        return 0, 0
    end
    return math.floor(score / 16) + stood_ms, score % 16
end

local function kept_write(of_place, until_ms, times, stood_ms)
    call('ZADD', prefix .. KEY.kept, (until_ms - stood_ms) * 16 + times, of_place)
    call('ZREMRANGEBYSCORE', prefix .. KEY.kept, '-inf', (now_ms - stood_ms - KEPT_MEMORY_MS) * 16)
    turn_log(lane, of_place, KEPT, until_ms - stood_ms, times)
end
