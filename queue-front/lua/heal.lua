-- heal.lua: restores a line after Redis came back empty, or with less data than before.
--
-- Arguments ask_heal; stay_away_milli is 1000 - show_up_milli, so that the highest value is the measured one here as
-- well.
-- Reply: {OK, now_ms} the line is complete; {HEAL, ms} a collection is open for that long; {UNKNOWN} nobody
--   knows this event, or it has no such lane; {RENEWED} there is a newer event with this id; {NOT_YET} no front
--   so far knows the time (shared/clock.lua)
--
-- No single front has seen everything, so the first one to call opens a window in which each front raises the marks
-- (`heal`) to its own. Until it closes, `boot` names another run, and all other scripts refuse: no number is issued and
-- nobody is called. The first call after the window closes it: counters become the highest known, and `issued` also
-- skips the safety gap, for places that a front which died with Redis may have issued. No known visitor owns a place of
-- the gap, so it holds nobody up: like ghosts, its places are away from the beginning. While a draw may come, a gap is
-- only noted; tick.lua applies it when the places are final.
--
-- Fronts send moved places with their ticks. They send the newest here as well: Redis may have lost only those, and
-- until a tick has sent them an old ticket would be valid.
--
-- If no front remembers the line the gap is twice as large: the lost fronts may have seen an earlier heal, and issued
-- places after its gap.
--
-- A front that comes too late for the window, with higher marks, raises the counters at once. If no front remembers
-- (all were lost with Redis), the tickets do: each verified ticket is a mark of `issued`, and if only that is too low
-- nothing else is changed. The gap then follows from Redis's own samples.
--
-- The clock of the server that came back may be wrong, or this server's may have jumped: fronts know the right time,
-- and the event's time continues from there.
--
-- Of two events with one id the newer incarnation counts, and nothing of the older one: a front with the older one gets
-- RENEWED and forgets it; if Redis has gone back to the older one, its keys are deleted before the newer is restored.

local MARKS = { 'issued', 'serving', 'dead', 'active', 'outstanding', 'admitted', 'no_shows',
    'stay_away_milli', 'service_rate_milli', 'stood_ms', 'raised', 'visits_until_ms', 'calls_until_ms' }

local OF_DRAW = { 'sealed', 'closed', 'closed_ms', 'proof' }

local heal = prefix .. KEY.heal
local cfg = cfg_read(cfg_heal.names)
local counters = call('MGET', prefix .. KEY.seq, prefix .. KEY.serving)
local issued, serving = tonumber(counters[1]) or 0, tonumber(counters[2]) or 0
local version = tonumber(cfg[cfg_heal.version]) or 0
local same_run = cfg[cfg_heal.boot] == ARGV[1]

-- Deleted rather than lost: see sweep.lua.
if call('HEXISTS', CFG, 'deleted') + call('EXISTS', root .. KEY.erased) > 0 then
    return { UNKNOWN }
end

local sent = call('HGET', heal, 'incarnation') or ''
local newest = incarnation
for _, one in ipairs({ sent, known or '' }) do
    newest = one > newest and one or newest
end
if known and known < newest then
    return { RENEWED }
elseif lane > 0 and version > 0 and lane > #shares_of(call('HGET', CFG, 'shares')) then
    return { UNKNOWN }
end
local gone_back = version > 0 and incarnation < newest
if gone_back then
    issued, serving, version, same_run = 0, 0, 0, false
end
local seen_version, seen_era = tonumber(ARGV[ask_heal.version]), tonumber(ARGV[ask_heal.era])

-- The clock offset with which the event's time continues from where this front saw it.
local seen_off_us = expected_ms and off_us - 1000 * clock_step_ms()

local function move_clock(to_us)
    local moved_ms = math.floor((to_us - off_us) / 1000)
    if moved_ms == 0 then
        return
    end
    clock_set(to_us)
    call('HSET', CFG, 'clock_off_us', to_us)
    local way = moved_ms < 0 and 'ahead' or 'behind'
    audit('{"who":"system","what":"clock","from":null,"to":null,"why":"the clock of redis is ' .. way ..
        '","because":{"reason":"clock-' .. way .. '","measured":' .. math.abs(moved_ms) .. ',"limit":' ..
        CLOCK_STEP_MS .. '}}', version)
end

-- If others tick by this clock, the calling front's own clock was paused: it gets the time.
local ticked_us = tonumber(call('HGET', prefix .. KEY.bucket, 'at_us')) or 0
if same_run and seen_off_us and math.abs(now_us - ticked_us) > 1000 * CLOCK_STEP_MS then
    move_clock(seen_off_us)
end

if same_run and issued >= tonumber(ARGV[ask_heal.issued]) and serving >= tonumber(ARGV[ask_heal.serving]) and
    (lane > 0 or not document_behind(version, seen_version, seen_era)) then
    return { OK, now_ms }
end

-- ---- collect ----

local function restart_collection()
    call('DEL', heal)
    call('HSET', heal, 'boot', ARGV[1], 'until_ms', math.floor(redis_us / 1000) + tonumber(ARGV[ask_heal.window_ms]))
end

local function note_moves()
    for i = 1, tonumber(ARGV[ask_heal.moves_len]) do
        local name, moves = 'moved:' .. ARGV[ask_heal.words - 1 + 2 * i], ARGV[ask_heal.words + 2 * i]
        if tonumber(moves) > (tonumber(call('HGET', heal, name)) or 0) then
            call('HSET', heal, name, moves)
        end
    end
end

local function contribute()
    note_moves()
    call('HSET', heal, 'incarnation', newest)
    local names = { 'gap', 'codes', unpack(MARKS) }
    local values = { ARGV[ask_heal.gap], ARGV[ask_heal.codes], unpack(ARGV, ask_heal.issued, ask_heal.calls_until_ms) }
    local known = call('HMGET', heal, unpack(names))
    for i, name in ipairs(names) do
        if tonumber(values[i]) > (tonumber(known[i]) or -1) then
            call('HSET', heal, name, values[i])
        end
    end
    call('HSET', heal, 'since:' .. ARGV[ask_heal.front], ARGV[ask_heal.passes])
    -- A front whose own clock was paused for a while is behind the others.
    if seen_off_us and seen_off_us > (tonumber(call('HGET', heal, 'off_us')) or -math.huge) then
        call('HSET', heal, 'off_us', seen_off_us)
    end
    local gaps, sent = ARGV[ask_heal.gaps], call('HGET', heal, 'gaps') or ''
    if not string.find(sent, gaps, 1, true) then
        call('HSET', heal, 'gaps', sent .. ',' .. gaps)
    end
    local noted = call('HMGET', heal, 'version', 'era')
    local noted_version, noted_era = tonumber(noted[1]) or 0, tonumber(noted[2]) or 0
    if seen_version > 0 and (seen_era > noted_era or
        (seen_era == noted_era and seen_version > noted_version)) then
        call('HSET', heal, 'version', seen_version, 'era', seen_era, 'identity', ARGV[ask_heal.identity],
            'state', ARGV[ask_heal.state], 'frozen_from', ARGV[ask_heal.frozen_from], 'doc', ARGV[ask_heal.doc],
            'hall_until_ms', ARGV[ask_heal.hall_until_ms],
            'seed', ARGV[ask_heal.seed], 'entries', ARGV[ask_heal.entries], 'beacon', ARGV[ask_heal.beacon],
            'drawn_ms', ARGV[ask_heal.drawn_ms])
        for i, name in ipairs({ knobs.names }) do
            call('HSET', heal, name, ARGV[ask_heal.knobs - 1 + i])
        end
        for i, name in ipairs(OF_DRAW) do
            call('HSET', heal, name, ARGV[ask_heal.sealed - 1 + i])
        end
    end
end

-- ---- close ----

local function read_marks()
    local marks = { since = 0, moved = {} }
    local all = call('HGETALL', heal)
    for i = 1, #all, 2 do
        marks[all[i]] = tonumber(all[i + 1]) or all[i + 1]
        if string.sub(all[i], 1, 6) == 'since:' then
            marks.since = marks.since + tonumber(all[i + 1])
        elseif string.sub(all[i], 1, 6) == 'moved:' then
            marks.moved[string.sub(all[i], 7)] = tonumber(all[i + 1])
        end
    end
    return marks
end

-- Seed and draw belong to the line; a lane's document is its event's, which heals by itself.
local function restore_draw()
    local draw = call('HMGET', heal, 'seed', 'entries', 'beacon', 'drawn_ms')
    local fields = {}
    if draw[1] and draw[1] ~= '' then
        fields = { 'seed', draw[1] }
    end
    if draw[2] and draw[2] ~= '' then
        for i, name in ipairs({ 'entries', 'beacon', 'drawn_ms' }) do
            fields[#fields + 1] = name
            fields[#fields + 1] = draw[i + 1]
        end
    end
    local others = call('HMGET', heal, unpack(OF_DRAW))
    for i, name in ipairs(OF_DRAW) do
        if others[i] and others[i] ~= '' and (others[i] ~= '0' or name == 'closed') and
            (lane == 0 or i == 2 or i == 3) then
            fields[#fields + 1] = name
            fields[#fields + 1] = others[i]
        end
    end
    if #fields > 0 then
        call('HSET', KEYS[1], unpack(fields))
    end
end

local function restore_document(marks)
    if lane > 0 then
        restore_draw()
        return
    end
    local is_newer = document_behind(version, marks.version or 0, marks.era or 0)
    if same_run and not is_newer then
        return -- nothing was lost but counters
    end
    local era = math.max(tonumber(call('HGET', CFG, 'era')) or 0, marks.era or 0)
    version = is_newer and marks.version or version
    call('HSET', KEYS[1], 'healed_from', era, 'era', math.max(now_ms, era + 1), 'healed', version)
    if marks.identity and marks.identity ~= '' then
        call('HSETNX', KEYS[1], 'identity', marks.identity)
    end
    if not is_newer then
        return
    end
    local fields = { 'version', version, 'state', marks.state }
    if newest ~= '' then
        fields = { 'incarnation', newest, unpack(fields) }
    end
    for _, name in ipairs({ 'frozen_from', 'doc', 'hall_until_ms', knobs.names }) do
        fields[#fields + 1] = name
        fields[#fields + 1] = call('HGET', heal, name) or 0 -- a front of another version did not send it
    end
    call('HSET', KEYS[1], unpack(fields))
    sign_document()
    restore_draw()
end

-- Fronts know only how many presale codes there were. The operator loads them again.
local function miss_codes(marks)
    if lane > 0 or tonumber(call('HGET', CFG, 'state')) == CLOSED then
        return
    end
    if (marks.codes or 0) > call('HLEN', root .. KEY.codes) then
        call('HSET', CFG, 'codes', 1, 'codes_lost', marks.codes)
    end
end

-- Extends the sessions that Redis still has as long as a lost one may last. One of them may have ended, and then its
-- slot stands for a lost session; another may have lost its last heartbeat, which promised that much.
local function keep_sessions(from_ms, until_ms)
    local kept = call('ZRANGEBYSCORE', root .. KEY.active, from_ms, '(' .. until_ms)
    for first = 1, #kept, 200 do
        local some, times = { unpack(kept, first, math.min(first + 199, #kept)) }, {}
        local ends = call('HMGET', root .. KEY.ends, unpack(some))
        for i, session in ipairs(some) do
            times[2 * i - 1] = math.min(until_ms, tonumber(ends[i]) or until_ms)
            times[2 * i] = session
        end
        call('ZADD', root .. KEY.active, unpack(times))
    end
end

-- Reserves slots for sessions that fronts knew and Redis does not, until none of them can last any longer. A visit may
-- have been promised more time than one that begins now: visits were shortened, or the clock was set back by less than
-- a step.
local function restore_slots(bucket, marks)
    if lane > 0 then
        return -- all lanes share them
    end
    visits_set(unpack(call('HMGET', CFG, 'visits_stood_ms', 'visits_halted_ms')))
    local session_ttl_ms = tonumber(call('HGET', CFG, 'session_ttl_ms'))
    bucket.phantom_until_ms = math.max(now_ms + session_ttl_ms, marks.visits_until_ms) - behind_ms
    keep_sessions(now_ms - behind_ms - session_ttl_ms, bucket.phantom_until_ms)
    end_expired_sessions()
    local known, here = marks.active + marks.since, call('ZCARD', root .. KEY.active)
    bucket.phantoms, bucket.doubted = math.max(0, known - here), math.min(known, here)
end

-- Visitors at the door whose call has expired: they have not entered. (Ghosts that came back belong to no call.)
local function late_at_door(bucket)
    local from, upto = '(' .. bucket.dead, bucket.settled
    return call('ZCOUNT', prefix .. KEY.door, from, upto) - call('ZCOUNT', prefix .. KEY.back, from, upto)
end

-- All called visitors get a new window, unless their call is known to have expired. It ends no earlier than any that a
-- visitor saw: calls may have been shortened, or the clock set back by less than a step. Their bits say who has entered
-- or, if those are lost, only a count.
local function restore_calls(bucket, marks)
    local was_outstanding = math.max(marks.outstanding, bucket.called_n - bucket.came_n)
    bucket.dead = math.min(serving, math.max(bucket.dead, marks.dead))
    was_outstanding = was_outstanding + late_at_door(bucket)
    bucket.settled = bucket.dead
    call('ZREMRANGEBYSCORE', prefix .. KEY.hist, '-inf', '+inf')
    local size = serving - bucket.dead - bits(KEY.gone, bucket.dead, serving) -
        bits(KEY.skipped, bucket.dead, serving)
    local came = bits(KEY.called, bucket.dead, serving)
    bucket.healed_upto = serving
    bucket.healed_came = math.max(0, size - came - was_outstanding)
    bucket.called_n = size
    bucket.came_n = math.min(size, came + bucket.healed_came)
    bucket.last_upto, bucket.last_called_ms = serving, now_ms
    bucket.last_expires_ms = math.max(now_ms + tonumber(call('HGET', CFG, 'call_ttl_ms')), marks.calls_until_ms)
    bucket.generation = now_ms
    if serving > bucket.dead then
        call('ZADD', prefix .. KEY.hist, serving,
            serving .. ':' .. now_ms .. ':' .. bucket.last_expires_ms)
    end
end

local function is_within(gap, others)
    for _, other in ipairs(others) do
        if other.from <= gap.from and gap.upto <= other.upto then
            return true
        end
    end
    return false
end

-- Redis's remaining gaps, the ones that fronts sent, and the new one, as far as they are not called yet and no draw has
-- scattered them.
local function restore_gaps(bucket, marks, gap)
    local own = gaps_parse(call('GET', prefix .. KEY.gaps))
    local drawn = call('HMGET', KEYS[1], 'entries', 'seed', 'sealed')
    local lowest = math.max(serving, tonumber(drawn[1]) or 0) + 1
    local all, fresh = {}, gaps_parse(marks.gaps)
    fresh[#fresh + 1] = { from = issued - gap + 1, upto = issued }
    for _, list in ipairs({ own, fresh }) do
        for _, one in ipairs(list) do
            one.from = math.max(one.from, lowest)
            if one.from <= one.upto and (list == own or not is_within(one, own)) then
                all[#all + 1] = one
                one.fresh = list == fresh
            end
        end
    end
    local only_noted = gaps_note_only(bucket, tonumber(call('HGET', CFG, 'state')), drawn[1])
    for _, one in ipairs(all) do
        if one.fresh and not only_noted then
            gap_away(bucket, one)
        end
    end
    gaps_keep(bucket, all)
end

-- Other keys of an older event expire (codes) or are never read (keys of joins, which include the incarnation).
local function drop_older()
    unlink_visitors()
    each_line(function()
        for _, name in ipairs({ KEY.seq, KEY.serving, KEY.bucket, KEY.told, KEY.series, KEY.coded, KEY.cuts, KEY.cutting }) do
            call('UNLINK', prefix .. name)
        end
        if lane > 0 then
            call('UNLINK', prefix .. KEY.cfg)
        end
    end)
    call('UNLINK', CFG)
end

-- A sample's time and number of joins: places that a heal adds are not joins.
local function sampled_joins(sample)
    local numbers = {}
    for number in string.gmatch(sample, '%d+') do
        numbers[#numbers + 1] = tonumber(number)
    end
    return numbers[1], numbers[2] - (numbers[SERIES_RAISED] or 0)
end

-- Twice the highest number of joins in a recent second that Redis has.
local function sampled_gap()
    local most, last_ms, last_joined = 0, nil, nil
    for _, sample in ipairs(call('LRANGE', prefix .. KEY.series, -120, -1)) do
        local at_ms, joined = sampled_joins(sample)
        if last_ms and at_ms > last_ms then
            most = math.max(most, (joined - last_joined) * 1000 / (at_ms - last_ms))
        end
        last_ms, last_joined = at_ms, joined
    end
    return math.min(math.ceil(2 * most), GAP_MAX)
end

-- A place that is away and was not given up is a ghost.
local function count_away(bucket)
    bucket.left_n = bits(KEY.gone, serving, issued) + bucket.early_n
    bucket.ghosts_n = 0
    local left = prefix .. KEY.left
    for page = math.floor((serving + 1) / PAGE), math.floor(issued / PAGE) do
        local low, first = math.max(0, serving + 1 - page * PAGE), page * PAGE_BYTES
        call('SET', left, call('GETRANGE', prefix .. KEY.gone, first, first + PAGE_BYTES - 1))
        call('BITOP', 'AND', left, left, away_key(page))
        bucket.ghosts_n = bucket.ghosts_n + away_n(page, serving) -
            call('BITCOUNT', left, low, PAGE - 1, 'BIT')
    end
    call('DEL', left)
end

local function audit_heal()
    audit('{"who":"system","what":"heal","from":null,"to":{"issued":' .. issued .. ',"serving":' ..
        serving .. '},"why":"redis lost or rolled back",' ..
        '"because":{"reason":"store-lost","measured":null,"limit":null}}', version)
end

-- A ticket was shown for a place beyond all known ones, and nothing else is wrong.
local function raise(mark, gap)
    local bucket = bucket_read('left_n', 'early_n', 'ghosts_n', 'away_seq', 'away_whole', 'away_at_ms',
        'gap_pending', 'gap_upto', 'raised')
    bucket.raised = bucket.raised + mark + gap - issued
    issued = mark + gap
    call('SET', prefix .. KEY.seq, issued)
    restore_gaps(bucket, {}, gap)
    count_away(bucket)
    bucket_write(bucket)
    audit_heal()
    return { OK, now_ms }
end

local function close(gap)
    local marks = read_marks()
    if gone_back then
        drop_older()
    end
    move_clock(marks.off_us or off_us)
    local bucket = bucket_read('at_us', 'nano', 'called_n', 'came_n', 'left_n', 'settled', 'dead',
        'admitted', 'no_shows', 'show_came', 'show_of', 'rate_places', 'rate_us', 'generation',
        'last_upto', 'last_called_ms', 'last_expires_ms', 'phantoms', 'doubted', 'phantom_until_ms',
        'healed_upto', 'healed_came', 'frozen_ms', 'heard_epoch', 'early_n', 'moves_run', 'ghosts_n',
        'away_seq', 'away_whole', 'away_at_ms', 'gap_pending', 'gap_upto', 'raised', 'stood_ms')
    restore_document(marks)
    miss_codes(marks)
    if marks.issued == 0 then -- an earlier heal may have been lost with all that knew of it
        gap = 2 * gap
    end
    local raised = math.max(issued, marks.issued, marks.serving) + gap
    bucket.raised = math.max(bucket.raised, marks.raised) + gap -- fronts know who joined before it
    issued = raised
    serving = math.max(serving, marks.serving)
    call('MSET', prefix .. KEY.seq, issued, prefix .. KEY.serving, serving)
    restore_slots(bucket, marks)
    restore_calls(bucket, marks)
    bucket.early_n = call('SCARD', prefix .. KEY.early)
    restore_gaps(bucket, marks, gap)
    count_away(bucket)
    bucket.admitted = math.max(bucket.admitted, marks.admitted)
    bucket.no_shows = math.max(bucket.no_shows, marks.no_shows)
    bucket.stood_ms = math.max(bucket.stood_ms, marks.stood_ms)
    if bucket.show_of == 0 and marks.stay_away_milli > 0 then
        bucket.show_came, bucket.show_of = (1000 - marks.stay_away_milli) / 10, 100
    end
    if bucket.rate_us == 0 and marks.service_rate_milli > 0 then
        bucket.rate_places, bucket.rate_us = marks.service_rate_milli / 100, 10000000
    end
    bucket.at_us, bucket.nano, bucket.frozen_ms = now_us, 0, now_ms
    bucket.moves_run = now_ms -- fronts send their moved places, and fetch those of others
    bucket.heard_epoch = 0 -- no judging by marks that may be lost
    bucket_write(bucket)
    for entry, moves in pairs(marks.moved) do
        moves_known(entry, moves)
    end
    call('HSET', KEYS[1], 'boot', ARGV[1])
    call('DEL', heal)
    audit_heal()
    return { OK, now_ms }
end

if same_run and serving >= tonumber(ARGV[ask_heal.serving]) and
    (lane > 0 or not document_behind(version, seen_version, seen_era)) then
    return raise(tonumber(ARGV[ask_heal.issued]), math.max(tonumber(ARGV[ask_heal.gap]), sampled_gap()))
end

local collection = call('HMGET', heal, 'boot', 'until_ms')
if collection[1] ~= ARGV[1] or sent < newest then
    restart_collection()
    collection = { ARGV[1], math.floor(redis_us / 1000) + tonumber(ARGV[ask_heal.window_ms]) }
end
contribute()
local known_version = math.max(version, tonumber(call('HGET', heal, 'version')) or 0)
local left_ms, window_ms = tonumber(collection[2]) - math.floor(redis_us / 1000), tonumber(ARGV[ask_heal.window_ms])
if left_ms > window_ms then -- the clock was set back while the window was open
    left_ms = window_ms
    call('HSET', heal, 'until_ms', math.floor(redis_us / 1000) + window_ms)
end
if not same_run and left_ms > 0 then
    return { HEAL, left_ms }
elseif lane > 0 and version == 0 then
    return { HEAL, 100 } -- first the event, then its lanes
elseif known_version == 0 then
    call('DEL', heal)
    return { UNKNOWN }
elseif call('HEXISTS', heal, 'off_us') == 0 and clock_in_doubt(ARGV[ask_heal.waited_ms]) then
    return { NOT_YET }
end
return close(math.max(tonumber(call('HGET', heal, 'gap')), sampled_gap()))
