-- picture.lua: the reply to a front that calls soon after another's tick. It precedes the rest of tick.lua, since
-- most ticks need only this: later definitions are then skipped.

-- Fields of `told`, in the order of ask_tick.
local SUMS = { 'join_judged', 'join_kept', 'join_error', 'way_judged', 'way_kept', 'way_error', 'errors' }

-- This front's version of the document.
local known_version, known_era = tonumber(ARGV[ask_tick.version]), tonumber(ARGV[ask_tick.era])
local known_digest = ARGV[ask_tick.digest]

local function take_sums()
    for i, name in ipairs(SUMS) do
        local more = ARGV[ask_tick.join_judged - 1 + i]
        if more ~= '0' then
            call('HINCRBY', prefix .. KEY.told, name, more)
        end
    end
end

-- The outcomes of called places.
local function turns_reply()
    local reply = { ARGV[ask_tick.turns_upto] }
    for _, entry in ipairs(call('XRANGE', prefix .. KEY.turns, '(' .. reply[1], '+', 'COUNT',
        TURNS_REPLY)) do
        reply[1] = entry[1]
        reply[#reply + 1] = entry[2][2]
    end
    return reply
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
    local form, at_us, run, of, era, digest, first_upto, last_upto, reply, inside = unpack(cmsgpack.unpack(kept[1]))
    if form ~= reply_tick.form or not inside then
        return nil
    end
    local issued, known_upto = tonumber(kept[2]) or 0, tonumber(ARGV[ask_tick.upto])
    local issued_then, serving, moves = reply[reply_tick.issued], reply[reply_tick.serving], reply[reply_tick.moves]
    if now_us < at_us or now_us >= at_us + slot_us or run ~= ARGV[1] or (known and of ~= known) or
        reply[reply_tick.version] ~= known_version or era ~= known_era or digest ~= known_digest or
        reply[reply_tick.generation] ~= tonumber(ARGV[ask_tick.generation]) or
        issued < issued_then or issued < tonumber(ARGV[ask_tick.issued]) or
        (tonumber(kept[3]) or 0) ~= serving or serving < tonumber(ARGV[ask_tick.serving]) or
        (known_upto < first_upto and known_upto < last_upto) or
        moves[reply_moves.run] ~= tonumber(ARGV[ask_tick.moves_run]) or
        moves[reply_moves.seq] ~= tonumber(ARGV[ask_tick.moves_seq]) or
        visits_news(tonumber(ARGV[ask_tick.served]), reply[reply_tick.state], reply[reply_tick.served_ms],
            reply[reply_tick.halted_ms], reply[reply_tick.hall_until_ms]) then
        return nil
    end
    reply[reply_tick.waiting] = reply[reply_tick.waiting] + issued - issued_then
    reply[reply_tick.active] =
        math.max(0, reply[reply_tick.active] + call('ZCARD', root .. KEY.active) - inside)
    reply[reply_tick.issued], reply[reply_tick.now_ms] = issued, now_ms
    reply[reply_tick.turns] = turns_reply()
    return reply
end

local picture = picture_of_another()
if picture then
    take_sums()
    return picture
end
