-- helpers.lua: stands between prelude.lua and every script but join.lua, which runs most often and
-- needs none of it.

local function knob_names()
    return 'rate_milli', 'burst', 'max_active', 'session_ttl_ms', 'session_max_ms', 'call_ttl_ms',
        'grace_ms', 'joins_per_ip_per_min', 'opens_at_ms', 'prequeue_at_ms', 'pilot_ceiling_milli',
        'pilot_floor_milli', 'shares'
end

-- ---- which document is newer ----
--
-- A version alone does not tell: what was written before a loss and what was written after it may bear
-- the same number. So each closing of a heal begins an era (its time in ms), and versions are compared
-- within one. What a front knows of an earlier era is newer than what Redis has in one case only: the
-- era is the one just before, and nobody has written anything since the heal.
local function document_behind(version, known_version, known_era)
    local cfg = call('HMGET', CFG, 'era', 'healed', 'healed_from')
    local era = tonumber(cfg[1]) or 0
    if known_era >= era then
        return known_era > era or known_version > version
    end
    return known_version > version and version == tonumber(cfg[2]) and known_era == tonumber(cfg[3])
end

-- After each writing: what fronts compare, since equal numbers may hide different documents.
local function sign_document()
    local parts = call('HMGET', CFG, 'doc', knob_names())
    for i, part in ipairs(parts) do
        parts[i] = part or ''
    end
    local digest = redis.sha1hex(table.concat(parts, '\n'))
    call('HSET', CFG, 'digest', digest)
    return digest
end

-- The lanes' shares of the calls in percent, as core/lanes.h packs them: digits of base 128.
local function shares_of(packed)
    local shares = {}
    packed = tonumber(packed) or 0
    while packed > 0 do
        shares[#shares + 1] = packed % 128
        packed = math.floor(packed / 128)
    end
    return shares
end

-- Does something to the event's line and to each lane's, as if called for it.
local function each_line(what)
    local was_prefix, was_lane = prefix, lane
    for i = 0, #shares_of(call('HGET', CFG, 'shares')) do
        prefix, lane = i == 0 and root or root .. '@' .. i .. ':', i
        what()
    end
    prefix, lane = was_prefix, was_lane
end

-- The bucket's fields as numbers, those never written as 0; bucket_write() stores what differs.
local function bucket_read(...)
    local bucket = { names = { ... }, was = {} }
    local values = call('HMGET', prefix .. 'bucket', ...)
    for i, name in ipairs(bucket.names) do
        bucket[name] = tonumber(values[i]) or 0
        bucket.was[i] = bucket[name]
    end
    return bucket
end

local function bucket_write(bucket)
    local changes = {}
    for i, name in ipairs(bucket.names) do
        if bucket[name] ~= bucket.was[i] then
            changes[#changes + 1] = name
            changes[#changes + 1] = bucket[name]
        end
    end
    if #changes > 0 then
        call('HSET', prefix .. 'bucket', unpack(changes))
    end
end

-- How many bits are set for the places of (after, upto].
local function bits(name, after, upto)
    if upto <= after then
        return 0
    end
    return call('BITCOUNT', prefix .. name, after + 1, upto, 'BIT')
end

-- ---- who is not there ----

-- Places are counted by pages, so that the marks of a long line travel and are compared in pieces.
-- `away:PAGE` has the bits of those before their call who are not there: ghosts, and who has left.
local PAGE, PAGE_BYTES = 65536, 8192

local function away_key(page)
    return prefix .. 'away:' .. page
end

-- All that an event keeps for its visitors' sake alone, but for the keys of joins.
local VISITOR_KEYS = { 'called', 'gone', 'ended', 'skipped', 'hist', 'door', 'knock', 'back', 'early',
    'moved', 'marks', 'left', 'fronts', 'tellers', 'contacts', 'aways', 'active', 'ends', 'members', 'lanes', 'pilot',
    'done', 'turns', 'kept', 'gaps', 'picture', 'codes', 'opened' }
local function unlink_visitors()
    each_line(function()
        for _, page in ipairs(call('ZRANGE', prefix .. 'aways', 0, -1)) do
            call('UNLINK', away_key(page)) -- 65,536 places each, so there are few
        end
        for _, name in ipairs(VISITOR_KEYS) do
            call('UNLINK', prefix .. name)
        end
    end)
end

-- Who was heard in an epoch, by all fronts. (`heard:EPOCH:BLOCK`, of 1,024 places, was the version before's.)
local function heard_key(epoch, page)
    return prefix .. 'there:' .. epoch .. ':' .. page
end

-- Fronts fetch a page again when its number has risen.
local function away_touch(bucket, page)
    bucket.away_seq = bucket.away_seq + 1
    call('ZADD', prefix .. 'aways', bucket.away_seq, page)
end

-- How many of a page are away, of those behind `after`.
local function away_n(page, after)
    local low = math.max(0, after + 1 - page * PAGE)
    return low < PAGE and call('BITCOUNT', away_key(page), low, PAGE - 1, 'BIT') or 0
end

-- A place before its call was given up. True: it had been a ghost's.
local function away_left(bucket, place)
    local page = math.floor(place / PAGE)
    if call('SETBIT', away_key(page), place % PAGE, 1) == 1 then
        return true
    end
    away_touch(bucket, page)
    return false
end

-- ---- what became of called places ----

-- Tells all fronts what became of a place of this lane; each of them knows it from its next tick on.
local function turn_log(of_lane, of_place, kind, until_ms, times)
    local key = (of_lane == 0 and root or root .. '@' .. of_lane .. ':') .. 'turns'
    call('XADD', key, 'MAXLEN', '~', TURNS_MAX, '*', 't',
        string.format('%d:%d:%d:%d', of_place, kind, until_ms or 0, times or 0))
end

-- Calls that were made longer: `kept` has until when * 16 + how often. When, here and in the log, is
-- without `stood_ms` of the bucket, for how long the line has ever stood still (sold out, frozen): so nothing
-- has to be written when it moves again.
local function kept_read(score, stood_ms)
    score = tonumber(score)
    if not score then
        return 0, 0
    end
    return math.floor(score / 16) + stood_ms, score % 16
end

local function kept_write(of_place, until_ms, times, stood_ms)
    call('ZADD', prefix .. 'kept', (until_ms - stood_ms) * 16 + times, of_place)
    call('ZREMRANGEBYSCORE', prefix .. 'kept', '-inf', (now_ms - stood_ms - KEPT_MEMORY_MS) * 16)
    turn_log(lane, of_place, KEPT, until_ms - stood_ms, times)
end

-- Sets the bits of from..upto.
local function set_bits(key, from, upto)
    while from <= upto and from % 8 ~= 0 do
        call('SETBIT', key, from, 1)
        from = from + 1
    end
    local bytes = math.max(0, math.floor((upto + 1 - from) / 8))
    if bytes > 0 then
        call('SETRANGE', key, from / 8, string.rep('\255', bytes))
    end
    for bit = from + bytes * 8, upto do
        call('SETBIT', key, bit, 1)
    end
end

-- ---- gaps ----

-- Places that a heal left out, in case a front that died had given them to somebody. `gaps` is a short
-- list of those that are not called yet, "from:upto,from:upto". Until their owners are heard they are
-- away, as ghosts are.
local function gaps_parse(text)
    local gaps = {}
    for from, upto in string.gmatch(text or '', '(%d+):(%d+)') do
        gaps[#gaps + 1] = { from = tonumber(from), upto = tonumber(upto) }
    end
    return gaps
end

local function gaps_text(gaps)
    local parts = {}
    for i, gap in ipairs(gaps) do
        parts[i] = gap.from .. ':' .. gap.upto
    end
    return table.concat(parts, ',')
end

local function gaps_write(gaps)
    if #gaps > 0 then
        call('SET', prefix .. 'gaps', gaps_text(gaps))
    else
        call('DEL', prefix .. 'gaps')
    end
end

-- Calls `what` with each page that from..upto touches and the bits of it that they are.
local function each_page(from, upto, what)
    for page = math.floor(from / PAGE), math.floor(upto / PAGE) do
        what(page, math.max(0, from - page * PAGE), math.min(PAGE - 1, upto - page * PAGE))
    end
end

-- Nobody is known to have these places.
local function gap_away(bucket, gap)
    each_page(gap.from, gap.upto, function(page, low, high)
        set_bits(away_key(page), low, high)
        away_touch(bucket, page)
    end)
    bucket.away_whole, bucket.away_at_ms = bucket.away_seq, now_ms -- to be shown at once
end

-- Frees the slots of sessions that ran out, a bounded number at a time.
local function end_expired_sessions()
    local expired = call('ZRANGEBYSCORE', root .. 'active', '-inf', now_ms, 'LIMIT', 0, 200)
    if #expired > 0 then
        call('ZREM', root .. 'active', unpack(expired))
        call('HDEL', root .. 'ends', unpack(expired))
        for _, session in ipairs(expired) do
            turn_log(math.floor(session / 4294967296), session % 4294967296, ENDED)
        end
    end
end

-- The draw has two halves. First the entries close: whoever has a number now takes part, whoever comes
-- later stands behind them. Each lane has a draw of its own, closed and made in the same steps. What
-- either half writes is never written again.
local function close_entries()
    each_line(function()
        local cfg = prefix .. 'cfg'
        if call('HEXISTS', cfg, 'closed') == 0 then
            call('HSET', cfg, 'closed', tonumber(call('GET', prefix .. 'seq')) or 0, 'closed_ms',
                now_ms)
        end
    end)
end

-- Then it is made, in one step with the opening, out of what a front brings: the beacon's value with
-- its proof, and the seeds, 64 hex digits for each line. An event from before there were seals has its
-- seeds here; one from before there were draws has none, and opens in the order of joining.
local function draw(told)
    close_entries()
    each_line(function()
        local cfg = prefix .. 'cfg'
        local seed = string.sub(told.seeds, 64 * lane + 1, 64 * lane + 64)
        if seed == '' then
            seed = call('HGET', cfg, 'seed')
        end
        if seed and call('HEXISTS', cfg, 'entries') == 0 then
            call('HSET', cfg, 'seed', seed, 'entries', call('HGET', cfg, 'closed'), 'beacon',
                told.beacon, 'drawn_ms', now_ms)
        end
    end)
    call('HSETNX', CFG, 'proof', told.proof)
end

-- A lane of an event from before there were seals begins with a seed of its own, made of the event's.
local function begin_lanes(run_id)
    local seed = call('HEXISTS', CFG, 'sealed') == 0 and call('HGET', CFG, 'seed')
    each_line(function()
        if lane > 0 then
            call('HSETNX', prefix .. 'cfg', 'boot', run_id)
        end
        if lane > 0 and seed then
            local own = redis.sha1hex(seed .. '#' .. lane) .. redis.sha1hex(lane .. '#' .. seed)
            call('HSETNX', prefix .. 'cfg', 'seed', string.sub(own, 1, 64))
        end
    end)
end

-- `entry` is a JSON object; when it was written is the stream's own id.
local function audit(entry, version)
    call('XADD', root .. 'audit', 'MAXLEN', '~', 10000, '*', 'a', entry, 'v', version)
    call('DEL', root .. 'picture') -- what changed is to be seen at once
end

-- Places that were carried to another device; move.lua tells what `moved` is.
local function moves_write(entry, moves)
    local number = call('HINCRBY', prefix .. 'bucket', 'moves_seq', 1)
    call('ZADD', prefix .. 'moved', number * 256 + moves, entry)
end

-- How often a place has moved, as far as Redis knows; a verified ticket counts as knowledge too.
local function moves_known(entry, told)
    local known = (tonumber(call('ZSCORE', prefix .. 'moved', entry)) or 0) % 256
    if told > known then
        moves_write(entry, told)
        return told
    end
    return known
end

-- Slots held by sessions that were known before Redis lost them; nobody may take theirs until each
-- has either come back by its heartbeat or run out.
local function phantoms_of(bucket)
    local number, until_ms = bucket.phantoms, bucket.phantom_until_ms
    if lane > 0 then
        local of_event = call('HMGET', root .. 'bucket', 'phantoms', 'phantom_until_ms')
        number, until_ms = tonumber(of_event[1]) or 0, tonumber(of_event[2]) or 0
    end
    return now_ms < until_ms and number or 0
end

-- One of them was claimed.
local function phantom_back(bucket)
    if lane > 0 then
        call('HINCRBY', root .. 'bucket', 'phantoms', -1)
    else
        bucket.phantoms = bucket.phantoms - 1
    end
end
