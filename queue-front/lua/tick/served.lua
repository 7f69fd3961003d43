-- served.lua: pauses and resumes the visit clock by what this front sees (shared/visits.lua).

local function note_served()
    local seen = tonumber(ARGV[ask_tick.served])
    if not visits_news(seen, state, served_ms, halted_ms, hall_until_ms) then
        return
    elseif seen == SERVED or seen == HALL then
        hall_until_ms = now_ms + UNSERVED_MS
        call('HSET', CFG, 'hall_until_ms', hall_until_ms)
    end
    if seen == NO_HALL and now_ms >= hall_until_ms then
        served_ms, halted_ms = 0, now_ms
        call('HSET', CFG, 'served_ms', 0, 'visits_stood_ms', behind_ms, 'visits_halted_ms', now_ms)
        return
    elseif (seen == UNSERVED or seen == HALL) and visits_outage_begins(served_ms, halted_ms) then
        -- The time until the outage was noticed is given back, too, but not unobserved time.
        halted_ms = math.max(served_ms, now_ms - 2 * UNSERVED_MS)
        behind_ms = behind_ms + now_ms - halted_ms
        call('HSET', CFG, 'visits_halted_ms', halted_ms)
        return
    elseif seen == HALL and not (visits_have_no_hall(served_ms, halted_ms) or visits_waited_out(served_ms, halted_ms)) then
        return
    end
    if halted_ms > 0 then
        call('HSET', CFG, 'visits_stood_ms', behind_ms)
        call('HDEL', CFG, 'visits_halted_ms')
    end
    served_ms, halted_ms = seen == SERVED and now_ms or 0, 0
    call('HSET', CFG, 'served_ms', served_ms)
end
