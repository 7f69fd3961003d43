-- picture.lua: the reply to a front that calls soon after another's tick. It precedes the rest of tick.lua, since
-- most ticks need only this: later definitions are then skipped.

-- Fields of `told`, in the order of ask_tick.
local TOLD = { 'join_judged', 'join_kept', 'join_error', 'way_judged', 'way_kept', 'way_error', 'errors' }

-- This front's version of the document.
local known_version, known_era = tonumber(ARGV[ask_tick.version]), tonumber(ARGV[ask_tick.era])
local known_digest = ARGV[ask_tick.digest]

local function take_told()
    for i, name in ipairs(TOLD) do
        local more = ARGV[ask_tick.join_judged - 1 + i]
        if more ~= '0' then
            call('HINCRBY', prefix .. KEY.told, name, more)
        end
    end
end

-- The outcomes of called places.
local function tell_turns()
    local told = { ARGV[ask_tick.turns_upto] }
    for _, entry in ipairs(call('XRANGE', prefix .. KEY.turns, '(' .. told[1], '+', 'COUNT',
        TURNS_REPLY)) do
        told[1] = entry[1]
        told[#told + 1] = entry[2][2]
    end
    return told
end

-- Within the slot of another tick, its picture is the reply to every front that knows no more than it shows; the
-- newest places, the visits inside and the turns are added, since this front may have let visitors in. A front
-- that knows less, has something to send, or may need healing, ticks itself. So work is done some twenty times a
-- second, however many fronts there are. A picture of another version of the scripts is not used.
local function picture_of_another()
    local slot_us = tonumber(ARGV[ask_tick.slot_ms]) * 1000
    if slot_us == 0 or ARGV[ask_tick.early_len] ~= '0' or ARGV[ask_tick.moves_len] ~= '0' then
        return nil
    end
    clock_set(tonumber(call('HGET', CFG, 'clock_off_us')) or 0)
    if clock_step_ms() ~= 0 then
        return nil
    end
    local kept = call('MGET', prefix .. KEY.picture, prefix .. KEY.seq, prefix .. KEY.serving)
    if not kept[1] then
        return nil
    end
    local form, at_us, run, of, era, digest, first_upto, last_upto, told, inside = unpack(cmsgpack.unpack(kept[1]))
    if form ~= tell_tick.form or not inside then
        return nil
    end
    local issued, known_upto = tonumber(kept[2]) or 0, tonumber(ARGV[ask_tick.upto])
    local issued_then, serving, moves = told[tell_tick.issued], told[tell_tick.serving], told[tell_tick.moves]
    if now_us < at_us or now_us >= at_us + slot_us or run ~= ARGV[1] or (known and of ~= known) or
        told[tell_tick.version] ~= known_version or era ~= known_era or digest ~= known_digest or
        told[tell_tick.generation] ~= tonumber(ARGV[ask_tick.generation]) or
        issued < issued_then or issued < tonumber(ARGV[ask_tick.issued]) or
        (tonumber(kept[3]) or 0) ~= serving or serving < tonumber(ARGV[ask_tick.serving]) or
        (known_upto < first_upto and known_upto < last_upto) or
        moves[tell_moves.run] ~= tonumber(ARGV[ask_tick.moves_run]) or
        moves[tell_moves.seq] ~= tonumber(ARGV[ask_tick.moves_seq]) or
        visits_news(tonumber(ARGV[ask_tick.served]), told[tell_tick.served_ms], told[tell_tick.halted_ms]) then
        return nil
    end
    told[tell_tick.waiting] = told[tell_tick.waiting] + issued - issued_then
    told[tell_tick.active] =
        math.max(0, told[tell_tick.active] + call('ZCARD', root .. KEY.active) - inside)
    told[tell_tick.issued], told[tell_tick.now_ms] = issued, now_ms
    told[tell_tick.turns] = tell_turns()
    return told
end

local picture = picture_of_another()
if picture then
    take_told()
    return picture
end
