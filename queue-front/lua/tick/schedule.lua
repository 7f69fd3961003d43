-- schedule.lua: the pre-queue and the opening at the times in the event's document.

local function move(to, name_from, name_to, knob)
    state = to
    version = call('HINCRBY', CFG, 'version', 1)
    call('HSET', CFG, 'state', to)
    audit('{"who":"system","what":"' .. name_to .. '","from":"' .. name_from .. '","to":"' ..
        name_to .. '","why":"' .. knob .. '","because":{"reason":"' .. knob ..
        '","measured":null,"limit":null}}', version)
end

-- The entries close by the clock; then the fronts draw and open, since only they can make the seed and fetch the
-- beacon. Any front does so as soon as its picture shows that.
local function close_for_draw()
    if call('HEXISTS', CFG, 'closed') == 0 then
        close_entries()
        version = call('HINCRBY', CFG, 'version', 1)
        audit('{"who":"system","what":"close-entries","from":null,"to":{"entries":' .. issued ..
            '},"why":"opens_at","because":{"reason":"opens_at","measured":null,"limit":null}}', version)
    end
end

local function move_by_schedule()
    local opens_at_ms, prequeue_at_ms = tonumber(cfg[cfg_tick.opens_at_ms]), tonumber(cfg[cfg_tick.prequeue_at_ms])
    if opens_at_ms > 0 and now_ms >= opens_at_ms then
        if state == PRE_QUEUE then
            close_for_draw()
            return
        end
        move(OPEN, state == SCHEDULED and 'scheduled' or 'pre-queue', 'open', 'opens_at')
        bucket.at_us, bucket.nano = now_us, 0
    elseif state == SCHEDULED and prequeue_at_ms > 0 and now_ms >= prequeue_at_ms then
        move(PRE_QUEUE, 'scheduled', 'pre-queue', 'prequeue_at')
    end
end
