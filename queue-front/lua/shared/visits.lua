-- visits.lua: the clock of visits. It is the event's, paused while the service that visitors came for is down.
--
-- Fronts with [visits] served_by report with each tick whether the event is SERVED or UNSERVED. One SERVED outweighs
-- any number of UNSERVED. When there was none for UNSERVED_MS, the clock is paused, as of the last SERVED
-- (tick/served.lua), and resumes with the next one; so the people inside get the lost time back. It pauses for at most
-- HALT_MAX_MS: fronts with a wrong address must not hold slots for ever. An event that was never seen served is not
-- paused, nor is one whose pause reached the limit, until it is seen served again.
--
-- Once the line has opened, NO_HALL pauses it, seen served or not, and nobody is called. Each report sets `served_ms` to
-- 0 and starts the pause anew: it lasts as long as a front renews it. One front that knows of a hall (SERVED or HALL)
-- outweighs any number of NO_HALL, until `hall_until_ms`. So does an operator who opens the line without a hall, until one
-- is seen: `hall_until_ms` is LINE_MS_MAX then, and a heal restores it.
--
-- `active`, `ends` and phantoms are on this clock. All times that leave the scripts are on the event's.

local SERVED_EVERY_MS = 1000 -- how often it is written, by all fronts together
local UNSERVED_MS = 3000     -- longer than a takeover of the seats

-- How far it is behind the event's clock.
local behind_ms = 0

-- From cfg: total paused time, and when the current pause began; without these the clock runs.
local function visits_set(stood_ms, halted_ms)
    behind_ms, halted_ms = tonumber(stood_ms) or 0, tonumber(halted_ms)
    if halted_ms then
        behind_ms = behind_ms + math.max(0, math.min(now_ms - halted_ms, HALT_MAX_MS))
    end
end

local function visits_have_no_hall(served_ms, halted_ms)
    return halted_ms > 0 and served_ms == 0
end

-- The pause has reached its limit, whatever fronts see, and even if none looks any longer.
local function visits_waited_out(served_ms, halted_ms)
    local limit_ms = visits_have_no_hall(served_ms, halted_ms) and 2 * UNSERVED_MS or HALT_MAX_MS
    return halted_ms > 0 and now_ms >= halted_ms + limit_ms
end

local function visits_outage_begins(served_ms, halted_ms)
    return halted_ms == 0 and served_ms > 0 and now_ms >= served_ms + UNSERVED_MS
end

-- Whether a front's observation changes anything. `halted_ms` is 0 while the clock runs.
local function visits_news(seen, at_state, served_ms, halted_ms, hall_until_ms)
    if visits_waited_out(served_ms, halted_ms) then
        return true
    elseif seen == SERVED then
        return halted_ms > 0 or now_ms >= served_ms + SERVED_EVERY_MS
    elseif seen == NO_HALL then
        return at_state > PRE_QUEUE and
            now_ms >= math.max(hall_until_ms, served_ms + UNSERVED_MS, halted_ms + SERVED_EVERY_MS)
    elseif seen == HALL and (visits_have_no_hall(served_ms, halted_ms) or
        math.abs(now_ms + UNSERVED_MS - hall_until_ms) >= SERVED_EVERY_MS) then
        return true
    end
    return (seen == UNSERVED or seen == HALL) and visits_outage_begins(served_ms, halted_ms)
end
