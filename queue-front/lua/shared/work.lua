-- work.lua: how long used work is remembered, by the event's clock, which also dates its issue and its removal by
-- tick.lua and shard.lua.

-- Its use may be forgotten, so it counts as used.
local function work_is_over(given_out, minute)
    return tonumber(given_out) < minute - WORK_MINUTES
end
