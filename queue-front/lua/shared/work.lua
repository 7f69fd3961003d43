-- work.lua: how long used work is kept, all by the event's clock: it is given out by that, and tick.lua and shard.lua
-- clear it by that.

-- Whether it was used is not known any more, so it counts as used.
local function work_is_over(given_out, minute)
    return tonumber(given_out) < minute - WORK_MINUTES
end
