-- reply.lua: the reply to a tick. Most of it is the same for every front, and is stored as a picture.

local STRETCHES_REPLY = 512  -- per reply
local STRETCHES_KEPT = 8     -- sent to everybody: those between two ticks of a front

-- How long the line has been paused in total, until now.
local function paused_ms()
    local is_paused = state == SOLD_OUT or state == FROZEN
    return bucket.stood_ms + (is_paused and math.max(0, now_ms - bucket.frozen_ms) or 0)
end

-- The part for every front; complete() adds what the calling front lacks.
local function show(active)
    local show_milli, service_milli = 1000, 0
    if bucket.show_of > 0 then
        show_milli = math.floor(1000 * bucket.show_came / bucket.show_of + 0.5)
    end
    if bucket.rate_us > 0 then
        service_milli = math.floor(bucket.rate_places * 1000000000 / bucket.rate_us + 0.5)
    end
    return {
        [reply_tick.outcome] = OK,
        [reply_tick.state] = state,
        [reply_tick.version] = version,
        [reply_tick.issued] = issued,
        [reply_tick.serving] = serving,
        [reply_tick.waiting] = math.max(0, issued - serving - bucket.left_n - bucket.ghosts_n),
        [reply_tick.active] = active,
        [reply_tick.outstanding] = math.max(0, bucket.called_n - bucket.came_n),
        [reply_tick.admitted] = bucket.admitted,
        [reply_tick.no_shows] = bucket.no_shows,
        [reply_tick.show_up_milli] = show_milli,
        [reply_tick.service_rate_milli] = service_milli,
        [reply_tick.now_ms] = now_ms,
        [reply_tick.dead] = bucket.dead,
        [reply_tick.generation] = bucket.generation,
        [reply_tick.document] = {},
        [reply_tick.stretches] = {},
        [reply_tick.ghosts] = {
            [reply_ghosts.judged] = bucket.judged,
            [reply_ghosts.skipped] = bucket.skipped_n,
            [reply_ghosts.waiting] = bucket.ghosts_n,
            [reply_ghosts.seq] = bucket.away_seq,
            [reply_ghosts.whole] = bucket.away_whole,
            [reply_ghosts.at_ms] = bucket.away_at_ms,
        },
        [reply_tick.draw] = {},
        [reply_tick.early] = {},
        [reply_tick.seats] = cfg[cfg_tick.seats_left] and cfg[cfg_tick.seats_left] + 1 or 0,
        [reply_tick.pilot] = pilot,
        [reply_tick.moves] = { [reply_moves.run] = bucket.moves_run, [reply_moves.seq] = bucket.moves_seq },
        [reply_tick.odds] = cfg[cfg_tick.odds] or '',
        [reply_tick.turns] = {},
        [reply_tick.gaps] = gaps_reply(),
        [reply_tick.fronts] = call('ZCARD', prefix .. KEY.tellers),
        [reply_tick.late_ms] = bucket.late_ms,
        [reply_tick.stood_ms] = paused_ms(),
        [reply_tick.clock_ahead_ms] = math.floor(math.max(0, -off_us) / 1000),
        [reply_tick.clock_behind_ms] = math.floor(math.max(0, off_us) / 1000),
        [reply_tick.codes] = cfg[cfg_tick.codes] and call('HLEN', root .. KEY.codes) or 0,
        [reply_tick.codes_lost] = cfg[cfg_tick.codes_lost] or 0,
        [reply_tick.served_ms] = served_ms,
        [reply_tick.halted_ms] = halted_ms,
        [reply_tick.hall_until_ms] = hall_until_ms,
        [reply_tick.wrong_codes] = call('HGET', root .. KEY.ip .. math.floor(now_ms / 60000), 'codes') or 0,
    }
end

-- For fronts that tick soon.
local function keep_picture(reply)
    if bucket.early_n > 0 then
        call('DEL', prefix .. KEY.picture) -- a front has to send positions
        return
    end
    local newest = call('ZREVRANGE', prefix .. KEY.hist, 0, STRETCHES_KEPT - 1)
    local first_upto = 0
    for i = #newest, 1, -1 do
        reply[reply_tick.stretches][#newest + 1 - i] = newest[i]
    end
    if #newest == STRETCHES_KEPT then
        first_upto = tonumber(string.match(newest[#newest], '^%d+'))
    end
    call('SET', prefix .. KEY.picture, cmsgpack.pack({ reply_tick.form, now_us, ARGV[1], incarnation, era, digest,
        first_upto, bucket.last_upto, reply,
        call('ZCARD', root .. KEY.active) }))
end

local function add_document(reply)
    if digest == '' then
        digest = sign_document()
    end
    if ARGV[ask_tick.identity] ~= '' then
        call('HSETNX', CFG, 'identity', ARGV[ask_tick.identity])
    end
    local document = call('HMGET', CFG, 'doc', knobs.names)
    for i = reply_document.knobs, #document do
        document[i] = document[i] or 0 -- a knob that is newer than this event
    end
    document[reply_document.era] = era
    document[reply_document.digest] = digest
    document[reply_document.identity] = call('HGET', CFG, 'identity') or ''
    reply[reply_tick.document] = document

    local of = cfg_read(cfg_draw.names)
    reply[reply_tick.draw] = {
        [reply_draw.seed] = of[cfg_draw.seed] or '',
        [reply_draw.entries] = of[cfg_draw.entries] or '',
        [reply_draw.beacon] = of[cfg_draw.beacon] or '',
        [reply_draw.drawn_ms] = of[cfg_draw.drawn_ms] or '0',
        [reply_draw.frozen_from] = of[cfg_draw.frozen_from] or PAUSED,
        [reply_draw.undo_version] = of[cfg_draw.undo_version] or 0,
        [reply_draw.undo_state] = of[cfg_draw.undo_state] or DRAFT,
        [reply_draw.incarnation] = incarnation,
        [reply_draw.seal] = of[cfg_draw.sealed] or '',
        [reply_draw.closed_entries] = of[cfg_draw.closed] or '',
        [reply_draw.closed_ms] = of[cfg_draw.closed_ms] or '0',
        [reply_draw.proof] = of[cfg_draw.proof] or '',
    }
end

-- Adds what this front lacks.
local function complete(reply)
    if not has_document() then
        add_document(reply)
    end
    if bucket.early_n > 0 and state > PRE_QUEUE then
        reply[reply_tick.early] = call('SRANDMEMBER', prefix .. KEY.early, EARLY_REPLY)
    end
    local known_upto = 0
    if bucket.generation == tonumber(ARGV[ask_tick.generation]) then
        known_upto = tonumber(ARGV[ask_tick.upto])
    end
    reply[reply_tick.stretches] = {}
    if bucket.last_upto > known_upto then
        reply[reply_tick.stretches] = call('ZRANGEBYSCORE', prefix .. KEY.hist, '(' .. known_upto, '+inf', 'LIMIT',
            0, STRETCHES_REPLY)
    end
    reply[reply_tick.moves], reply[reply_tick.turns] = newer_moves(), turns_reply()
    return reply
end
