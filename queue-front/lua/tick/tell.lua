-- tell.lua: the reply to a tick. Most of it is the same for every front, and is stored as a picture.

local STRETCHES_REPLY = 512  -- per reply
local STRETCHES_KEPT = 8     -- sent to everybody: those between two ticks of a front

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
        [tell_tick.outcome] = OK,
        [tell_tick.state] = state,
        [tell_tick.version] = version,
        [tell_tick.issued] = issued,
        [tell_tick.serving] = serving,
        [tell_tick.waiting] = math.max(0, issued - serving - bucket.left_n - bucket.ghosts_n),
        [tell_tick.active] = active,
        [tell_tick.outstanding] = math.max(0, bucket.called_n - bucket.came_n),
        [tell_tick.admitted] = bucket.admitted,
        [tell_tick.no_shows] = bucket.no_shows,
        [tell_tick.show_up_milli] = show_milli,
        [tell_tick.service_rate_milli] = service_milli,
        [tell_tick.now_ms] = now_ms,
        [tell_tick.dead] = bucket.dead,
        [tell_tick.generation] = bucket.generation,
        [tell_tick.document] = {},
        [tell_tick.stretches] = {},
        [tell_tick.ghosts] = {
            [tell_ghosts.judged] = bucket.judged,
            [tell_ghosts.skipped] = bucket.skipped_n,
            [tell_ghosts.waiting] = bucket.ghosts_n,
            [tell_ghosts.seq] = bucket.away_seq,
            [tell_ghosts.whole] = bucket.away_whole,
            [tell_ghosts.at_ms] = bucket.away_at_ms,
        },
        [tell_tick.draw] = {},
        [tell_tick.early] = {},
        [tell_tick.seats] = cfg[cfg_tick.seats_left] and cfg[cfg_tick.seats_left] + 1 or 0,
        [tell_tick.pilot] = pilot,
        [tell_tick.moves] = { [tell_moves.run] = bucket.moves_run, [tell_moves.seq] = bucket.moves_seq },
        [tell_tick.odds] = cfg[cfg_tick.odds] or '',
        [tell_tick.turns] = {},
        [tell_tick.gaps] = gaps_told(),
        [tell_tick.fronts] = call('ZCARD', prefix .. KEY.tellers),
        [tell_tick.late_ms] = bucket.late_ms,
        [tell_tick.stood_ms] = bucket.stood_ms,
        [tell_tick.clock_ahead_ms] = math.floor(math.max(0, -off_us) / 1000),
        [tell_tick.clock_behind_ms] = math.floor(math.max(0, off_us) / 1000),
        [tell_tick.codes] = cfg[cfg_tick.codes] and call('HLEN', root .. KEY.codes) or 0,
        [tell_tick.codes_lost] = cfg[cfg_tick.codes_lost] or 0,
        [tell_tick.served_ms] = served_ms,
        [tell_tick.halted_ms] = halted_ms,
        [tell_tick.wrong_codes] = call('HGET', root .. KEY.ip .. math.floor(now_ms / 60000), 'codes') or 0,
    }
end

-- For fronts that tick soon.
local function keep_picture(told)
    if bucket.early_n > 0 then
        call('DEL', prefix .. KEY.picture) -- a front has to send positions
        return
    end
    local newest = call('ZREVRANGE', prefix .. KEY.hist, 0, STRETCHES_KEPT - 1)
    local first_upto = 0
    for i = #newest, 1, -1 do
        told[tell_tick.stretches][#newest + 1 - i] = newest[i]
    end
    if #newest == STRETCHES_KEPT then
        first_upto = tonumber(string.match(newest[#newest], '^%d+'))
    end
    call('SET', prefix .. KEY.picture, cmsgpack.pack({ tell_tick.form, now_us, ARGV[1], incarnation, era, digest,
        first_upto, bucket.last_upto, told,
        call('ZCARD', root .. KEY.active) }))
end

local function add_document(told)
    if digest == '' then
        digest = sign_document()
    end
    if ARGV[ask_tick.identity] ~= '' then
        call('HSETNX', CFG, 'identity', ARGV[ask_tick.identity])
    end
    local document = call('HMGET', CFG, 'doc', knobs.names)
    for i = tell_document.knobs, #document do
        document[i] = document[i] or 0 -- a knob that is newer than this event
    end
    document[tell_document.era] = era
    document[tell_document.digest] = digest
    document[tell_document.identity] = call('HGET', CFG, 'identity') or ''
    told[tell_tick.document] = document

    local of = cfg_read(cfg_draw.names)
    told[tell_tick.draw] = {
        [tell_draw.seed] = of[cfg_draw.seed] or '',
        [tell_draw.entries] = of[cfg_draw.entries] or '',
        [tell_draw.beacon] = of[cfg_draw.beacon] or '',
        [tell_draw.drawn_ms] = of[cfg_draw.drawn_ms] or '0',
        [tell_draw.frozen_from] = of[cfg_draw.frozen_from] or PAUSED,
        [tell_draw.undo_version] = of[cfg_draw.undo_version] or 0,
        [tell_draw.undo_state] = of[cfg_draw.undo_state] or DRAFT,
        [tell_draw.incarnation] = incarnation,
        [tell_draw.seal] = of[cfg_draw.sealed] or '',
        [tell_draw.closed_entries] = of[cfg_draw.closed] or '',
        [tell_draw.closed_ms] = of[cfg_draw.closed_ms] or '0',
        [tell_draw.proof] = of[cfg_draw.proof] or '',
    }
end

-- Adds what this front lacks.
local function complete(told)
    if not has_document() then
        add_document(told)
    end
    if bucket.early_n > 0 and state > PRE_QUEUE then
        told[tell_tick.early] = call('SRANDMEMBER', prefix .. KEY.early, EARLY_REPLY)
    end
    local known_upto = 0
    if bucket.generation == tonumber(ARGV[ask_tick.generation]) then
        known_upto = tonumber(ARGV[ask_tick.upto])
    end
    told[tell_tick.stretches] = {}
    if bucket.last_upto > known_upto then
        told[tell_tick.stretches] = call('ZRANGEBYSCORE', prefix .. KEY.hist, '(' .. known_upto, '+inf', 'LIMIT',
            0, STRETCHES_REPLY)
    end
    told[tell_tick.moves], told[tell_tick.turns] = newer_moves(), tell_turns()
    return told
end
