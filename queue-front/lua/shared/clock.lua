-- clock.lua: what a tick makes of Redis's clock.
--
-- A front that has just started cannot know whether it has jumped.
--
-- Where nobody has ticked for longer than the clock can be off unnoticed, either nobody was there, or it has jumped, and
-- those who know better are about to say so. A tick by it would silence them: a front whose time is not that of the
-- ticks is taken for one that stood still (heal.lua). So the front gets NOT_YET until they have come, or for CLOCK_DOUBT_MS.

local function clock_in_doubt(waited_ms)
    if expected_ms or tonumber(waited_ms) >= CLOCK_DOUBT_MS then
        return false
    end
    local ticked_us = tonumber(call('HGET', root .. KEY.bucket, 'at_us'))
    return ticked_us and math.abs(now_us - ticked_us) > 1000 * CLOCK_STEP_MS
end

-- Brings the event's time back to Redis's, CLOCK_SLEW_MS in each second that passed: it goes a little slower or faster
-- meanwhile, and jumps no more than before. A longer pause counts as a second.
local function clock_slew()
    local passed_us = now_us - (tonumber(call('HGET', root .. KEY.bucket, 'at_us')) or now_us)
    local most_us = math.floor(math.max(0, math.min(passed_us, 1000000)) * CLOCK_SLEW_MS / 1000)
    if most_us > 0 then
        clock_set(off_us > 0 and math.max(0, off_us - most_us) or math.min(0, off_us + most_us))
        call('HSET', CFG, 'clock_off_us', off_us)
    end
end
