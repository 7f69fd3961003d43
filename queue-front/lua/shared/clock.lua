-- clock.lua: what a front that has just started makes of Redis's clock, since it cannot know whether that has jumped.
--
-- Where nobody has ticked for longer than that clock can be off unnoticed, either nobody was there, or it has jumped, and
-- those who know better are about to say so. A tick by it would silence them: a front whose time is not that of the
-- ticks is taken for one that stood still (heal.lua). So the front gets NOT_YET until they have come, or for CLOCK_DOUBT_MS.

local function clock_in_doubt(waited_ms)
    if expected_ms or tonumber(waited_ms) >= CLOCK_DOUBT_MS then
        return false
    end
    local ticked_us = tonumber(call('HGET', root .. 'bucket', 'at_us'))
    return ticked_us and math.abs(now_us - ticked_us) > 1000 * CLOCK_STEP_MS
end
