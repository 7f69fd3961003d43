-- clock.lua: what a tick does with Redis's clock.
--
-- A front that has just started cannot know whether the clock has jumped.
--
-- After a pause in the ticks that can hide a clock error, either no front was there, or the clock has jumped, and
-- fronts that know the time are about to report it. A tick by the wrong clock would silence them: heal.lua takes a
-- front that disagrees with the ticks for paused. So it gets NOT_YET until they report, or for CLOCK_DOUBT_MS.

local function clock_in_doubt(waited_ms)
    if expected_ms or tonumber(waited_ms) >= CLOCK_DOUBT_MS then
        return false
    end
    local ticked_us = tonumber(call('HGET', root .. KEY.bucket, 'at_us'))
    return ticked_us and math.abs(now_us - ticked_us) > 1000 * CLOCK_STEP_MS
end

-- Brings the event's time back to Redis's, by CLOCK_SLEW_MS per second: it runs slightly slower or faster meanwhile,
-- and never jumps. A longer pause counts as a second.
local function clock_slew()
    local passed_us = now_us - (tonumber(call('HGET', root .. KEY.bucket, 'at_us')) or now_us)
    local most_us = math.floor(math.max(0, math.min(passed_us, 1000000)) * CLOCK_SLEW_MS / 1000)
    if most_us > 0 then
        clock_set(off_us > 0 and math.max(0, off_us - most_us) or math.min(0, off_us + most_us))
        call('HSET', CFG, 'clock_off_us', off_us)
    end
end
