-- turns.lua: the outcomes of places, for all fronts.

-- Sends the outcome of a place of this lane to all fronts; each gets it with its next tick. For a visit `times` is
-- 1 if it was ended, other than by time; GIVEN_UP names an entry.
local function turn_log(of_lane, of_place, kind, until_ms, times)
    call('XADD', prefix_of(of_lane) .. KEY.turns, 'MAXLEN', '~', TURNS_MAX, '*', 't',
        string.format('%d:%d:%d:%d', of_place, kind, until_ms or 0, times or 0))
end

-- Extended calls: `kept` has the end * 16 + the number of extensions. The end, here and in the log, excludes the
-- bucket's `stood_ms`, the total time that the line was paused (sold out, frozen): so nothing has to be rewritten
-- when it moves again.
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
