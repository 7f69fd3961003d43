-- visits.lua: the clock that visits go by. It is the event's, and stands while what visitors came for cannot be had.
--
-- Fronts that know where to look ([visits] served_by) say with each tick whether the event is SERVED or
-- UNSERVED. One that sees it served is believed against all that do not. When none has for UNSERVED_MS, the
-- clock stops, as of when it was last seen served (tick/served.lua), and it goes on as soon as one does; so the people
-- inside get back the time that was lost.
-- That is HALT_MAX_MS at most: fronts that look in the wrong place must not keep slots for ever. An event
-- that nobody ever saw served is not judged, nor is one whose time ran out so, until it is seen served again.
--
-- `active`, `ends` and phantoms are on this clock. Whatever leaves the scripts is on the event's.

local SERVED_EVERY_MS = 1000 -- told once in this time, by all fronts together
local UNSERVED_MS = 3000     -- longer than a takeover of the seats

-- By how much it is behind the event's clock.
local behind_ms = 0

-- Of cfg: for how long it has ever stood, and since when it stands; without that it runs.
local function visits_set(stood_ms, halted_ms)
    behind_ms, halted_ms = tonumber(stood_ms) or 0, tonumber(halted_ms)
    if halted_ms then
        behind_ms = behind_ms + math.max(0, math.min(now_ms - halted_ms, HALT_MAX_MS))
    end
end

-- It has stood for as long as it may, whatever fronts see, and even if none looks any more.
local function visits_waited_out(halted_ms)
    return halted_ms > 0 and now_ms >= halted_ms + HALT_MAX_MS
end

-- Does it change anything that a front sees the event so? `halted_ms` is 0 while the clock runs.
local function visits_news(seen, served_ms, halted_ms)
    if visits_waited_out(halted_ms) then
        return true
    elseif seen == SERVED then
        return halted_ms > 0 or now_ms >= served_ms + SERVED_EVERY_MS
    end
    return seen == UNSERVED and halted_ms == 0 and served_ms > 0 and now_ms >= served_ms + UNSERVED_MS
end
