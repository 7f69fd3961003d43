-- tick.lua: the effect of time on a line. Every front runs it about ten times a second, none leads, and their
-- number makes no difference: everything follows from the time elapsed on Redis's clock.
--
-- Arguments ask_tick, returns reply_tick. Each concern has a file in tick/, which precede this one in the order of
-- wire.list; here is the order of one tick.
--
-- One for all. A call works on the event and on each of its lanes, and stores the reply for each as a `picture`. A
-- front that calls within a slot after it gets that picture and the log, and Redis does no work.
--
-- Bounds. Each loop has a fixed number of turns; the next tick does the rest.

local function move_line(active)
    settle_expired()
    local late_n = 0
    if door_n > 0 then
        clear_door()
        -- Ghosts that came back owe a token, like late visitors.
        late_n = call('ZCOUNT', prefix .. KEY.door, '-inf', bucket.settled) +
            call('ZCOUNT', prefix .. KEY.back, '(' .. bucket.settled, '+inf')
    end
    judge()
    refill()
    pay_door(late_n)
    if lane == 0 and #shares > 0 then
        share_out(active, late_n)
    end
    if state == OPEN and not visits_have_no_hall(served_ms, halted_ms) then
        measure_rate(call_next(active, late_n))
    end
    if lane > 0 then
        report_wants(late_n)
    end
    cap_saved()
end

local answer, alone

local function tick()
    if lane ~= asked or lane > 0 then
        read_event() -- the event itself is read below
    end
    if cfg[cfg_tick.boot] ~= ARGV[1] then
        call('DEL', prefix .. KEY.picture)
        return -- the line has not been healed yet
    end
    read_line()
    if lane == 0 and (state == SCHEDULED or state == PRE_QUEUE) then
        move_by_schedule()
    end
    read_gaps()
    if lane == asked and bucket.early_n > 0 then
        settle_early()
    end
    if lane == 0 then
        note_served()
    end
    end_expired_sessions()
    local active = call('ZCARD', root .. KEY.active) + phantoms_of(bucket)
    if state == OPEN or state == PAUSED then
        move_line(active)
    else
        bucket.heard_epoch = 0 -- places may be drawn again before the line opens
    end
    bucket.at_us = now_us
    local reply = show(active)
    if lane == 0 then
        if state ~= DRAFT and state ~= SCHEDULED and state ~= CLOSED then
            sample(reply[reply_tick.waiting], active, reply[reply_tick.outstanding])
        end
        clear_old_minutes()
    end
    bucket_write(bucket)
    if not alone then
        keep_picture(reply)
    end
    if lane == asked then
        take_sums()
        learn_moves()
        answer = complete(reply)
    end
end

read_event()
local refused = refusal(cfg[cfg_tick.boot])
if refused then
    return refused
elseif issued < tonumber(ARGV[ask_tick.issued]) or serving < tonumber(ARGV[ask_tick.serving]) or
    (lane == 0 and not has_document() and document_behind(version, known_version, known_era)) then
    return { HEAL }
elseif (state ~= CLOSED or call('EXISTS', root .. KEY.active) > 0) and clock_in_doubt(ARGV[ask_tick.waited_ms]) then
    return { NOT_YET }
end
if asked > 0 and call('HGET', CFG, 'boot') ~= ARGV[1] then
    alone = true -- the event has not been healed yet, or is being deleted
    tick()
else
    if off_us ~= 0 then
        clock_slew()
    end
    each_line(tick)
end
if not answer then
    tick() -- the event no longer has this lane
end
return answer
