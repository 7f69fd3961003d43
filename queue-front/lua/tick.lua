-- tick.lua: what time does to a line. Every front runs it about ten times a second, none leads, and
-- how many do makes no difference: all of it goes by the time that passed on Redis's clock.
--
-- ARGV: run id, then what this front has seen: issued, serving, version, generation of the stretches,
--   upto of the newest stretch; how old another tick's picture may be to be the answer, in ms (0: it
--   may not); then how many entries given up before the draw follow, and each of them with its
--   position; then of the places that moved: run and number of the newest move that this front knows,
--   how many follow, and each of them with its moves (a front tells them after a loss);
--   then what this front has seen since its last tick, in the order of TOLD; then how far it knows the
--   log of turns; then of the document it has: era and digest; and the name of the identity key that
--   an event gets which has none
-- Answer: {OK, state, version, issued, serving, waiting, active, outstanding, admitted, no_shows,
--   show_up_milli, service_rate_milli, now_ms, dead, generation,
--   {doc, knobs..., era, digest, identity} or {} if the front has it, {stretch, ...} those it has not,
--   {places judged, ghosts stepped over ever, ghosts waiting, number of the newest change of `away`,
--   of the newest that fronts must know before they show any, and when they may},
--   {seed, entries or '' before the draw, beacon, drawn_ms, state before a freeze, version that an
--   undo would take back, state before it, incarnation, seal, entries when they closed or '', when that
--   was, proof of the beacon} with a document,
--   {entry, ...} given up before the draw, whose positions this script would like to know},
--   seats left + 1, or 0 if nobody tells,
--   {rate in force, decided_ms, heard_ms, rate before the last move, moved_ms, reason, why, because, reading}
--   of the autopilot, or {} while it is off,
--   {run of the moves, number of the newest that is told here, entry, moves, ...},
--   odds as they came with the last feed of seats or '',
--   {how far the log of turns is told here, "place:kind:until_ms:times", ...},
--   {places ahead that a heal left out and nobody has, how many of them were stepped over, ever,
--   "from:upto,..."}, how many fronts tell whom they have heard, for how many ms nobody was called
--   because no tick came in time, for how many ms the line has ever stood still (the times of the log are
--   without them), by how many ms the clock of Redis is ahead of the event's, and by how many behind,
--   presale codes that there are, and how many there were if Redis has lost some}
--
-- One for all. A call works on the event and on each of its lanes, and keeps what it has to tell of
-- each as a `picture`. Whoever calls within a slot after it is told that, and the log, and does no work.
--
-- Exactness. A rate in thousandths times microseconds is in billionths of a token, so the refill is
-- integer arithmetic and loses nothing. Elapsed time counts up to ELAPSED_MAX_US, so that a stall
-- does not let its crowd in at once; what was beyond is summed up in `late_ms`. What remains after
-- calling is capped at `burst`. Hence in any
-- window of T seconds at most rate * (T + 0.25) + burst are called, however many fronts tick.
--
-- Slots. With n people called and still in time, r of them coming as measured and c come already,
-- n * r - c more are expected. Counted so, a stretch whose people have come holds back nothing for
-- the rest of its time. Those at the door stand in front of all who are not called yet.
--
-- Ghosts. Fronts tell heard.lua whom they have heard; here, once an epoch, whoever was not heard in
-- the whole epoch before nor since becomes a ghost. Only places issued before that epoch are judged
-- (`heard_upto`), and only once every front has told all of it: while one is silent, and after any gap
-- in the ticks, nobody new becomes a ghost, and whoever is one stays one. A ghost is stepped over
-- without a token and kept in `skipped`; coming back in time, it pays for itself at the door and
-- enters next.
--
-- Bounds. Each loop below has a fixed number of turns; what is left is done by the next tick.

local TOKEN = 1000000000
local ELAPSED_MAX_US = 250000
local EARLY_ARG = 8          -- where they begin in ARGV
local STRETCHES_MAX = 4096   -- kept at once; beyond, the newest one grows
local STRETCH_MIN_MS = 100   -- calls closer together than this share a stretch
local STRETCHES_WANTED = 2048
local STRETCHES_REPLY = 512  -- told in one answer
local STRETCHES_KEPT = 8     -- told to everybody: those of the time between two ticks of a front
local MOVES_REPLY = 512      -- moved places told in one answer
local TURNS_REPLY = 512      -- of the log of turns, likewise
local EARLY_REPLY = 512      -- entries whose positions are asked for at once: a hundred thousand leave in 10 s
local SETTLE_MAX = 8         -- stretches settled in one tick
local KNOCK_MS = 10000       -- who has not knocked for so long has left the door
local SHOW_MEMORY = 500      -- people over whom the show-up ratio is smoothed
local SHOW_PRIOR = 20        -- people assumed to have come before anybody was measured
local RATE_MEMORY_US = 30000000
local LANE_SILENT_MS = 2000  -- a lane that nobody ticks wants nothing
local WALK_MAX = 2048        -- places looked at one by one in one tick
local GAP_TURNS = 64         -- runs of nobody's places stepped over in one tick
local JUDGE_MAX = 4          -- pages judged in one tick
local SERIES_MAX = 4096      -- samples kept; full, every second one goes and the step doubles

-- ---- has another just ticked? ----

-- Since its last tick: promised waits that this front has compared with the real ones, and its answers
-- of 5xx.
local TOLD = { 'join_judged', 'join_kept', 'join_error', 'way_judged', 'way_kept', 'way_error',
    'errors' }
-- What this front has of the document: version as ARGV[4], the rest at the end, before the identity key
-- that an event gets which has none.
local known_version, known_era = tonumber(ARGV[4]), tonumber(ARGV[#ARGV - 2])
local known_digest = ARGV[#ARGV - 1]
local MOVES_ARG = EARLY_ARG + 1 + 2 * tonumber(ARGV[EARLY_ARG])

local function take_told()
    local first = MOVES_ARG + 2 + 2 * tonumber(ARGV[MOVES_ARG + 2])
    for i, name in ipairs(TOLD) do
        if ARGV[first + i] ~= '0' then
            call('HINCRBY', prefix .. 'told', name, ARGV[first + i])
        end
    end
end

-- What became of called places.
local function tell_turns()
    local told = { ARGV[#ARGV - 3] }
    for _, entry in ipairs(call('XRANGE', prefix .. 'turns', '(' .. told[1], '+', 'COUNT',
        TURNS_REPLY)) do
        told[1] = entry[1]
        told[#told + 1] = entry[2][2]
    end
    return told
end

-- Within the slot of another tick its picture is the answer to all who know as much as it shows; the
-- newest places are added, since a front may have given them out itself. Whoever knows less, has
-- something to tell, or may have to be healed, ticks. So work is done some twenty times a second,
-- however many fronts there are.
local function picture_of_another()
    local slot_us = tonumber(ARGV[EARLY_ARG - 1]) * 1000
    if slot_us == 0 or ARGV[EARLY_ARG] ~= '0' or ARGV[MOVES_ARG + 2] ~= '0' or clock_step_ms() ~= 0 then
        return nil
    end
    local kept = call('MGET', prefix .. 'picture', prefix .. 'seq', prefix .. 'serving')
    if not kept[1] then
        return nil
    end
    local at_us, run, of, era, digest, first_upto, last_upto, told = unpack(cmsgpack.unpack(kept[1]))
    local issued, known_upto = tonumber(kept[2]) or 0, tonumber(ARGV[6])
    if now_us < at_us or now_us >= at_us + slot_us or run ~= ARGV[1] or (known and of ~= known) or
        told[3] ~= known_version or era ~= known_era or digest ~= known_digest or
        told[15] ~= tonumber(ARGV[5]) or
        issued < told[4] or issued < tonumber(ARGV[2]) or
        (tonumber(kept[3]) or 0) ~= told[5] or told[5] < tonumber(ARGV[3]) or
        (known_upto < first_upto and known_upto < last_upto) or
        told[23][1] ~= tonumber(ARGV[MOVES_ARG]) or told[23][2] ~= tonumber(ARGV[MOVES_ARG + 1]) then
        return nil
    end
    told[6] = told[6] + issued - told[4]
    told[4], told[13] = issued, now_ms
    told[25] = tell_turns()
    return told
end

local picture = picture_of_another()
if picture then
    take_told()
    return picture
end

-- ---- what there is ----

local asked = lane -- the line that this front asks for; work is done for all lines of the event
local cfg, version, state, issued, serving, rate_milli, burst, max_active, call_ttl_ms, grace_ms
local era, digest
local shares, pilot, bucket, door_n, own_tokens, lanes_expected

-- The autopilot's rate stands in the place of the knob's. Whatever is written there, it is never
-- above the ceiling; where nothing is (Redis has lost it), the floor is safe.
local function read_pilot()
    local ceiling_milli = tonumber(cfg[12]) or 0
    pilot = {}
    if ceiling_milli > 0 then
        pilot = call('HMGET', root .. 'pilot', 'rate_milli', 'at_ms', 'heard_ms', 'from_milli',
            'moved_ms', 'reason', 'why', 'because', 'reading')
        rate_milli = math.min(tonumber(pilot[1]) or tonumber(cfg[13]), ceiling_milli)
        pilot[1] = rate_milli
        for i = 2, 9 do
            pilot[i] = pilot[i] or (i < 6 and 0 or '')
        end
    end
end

local function read_event()
    cfg = cfg_read('boot', 'version', 'state', 'rate_milli', 'burst', 'max_active',
        'call_ttl_ms', 'grace_ms', 'opens_at_ms', 'prequeue_at_ms',
        'seats_left', 'pilot_ceiling_milli', 'pilot_floor_milli', 'odds', 'shares', 'era', 'digest', 'codes',
        'codes_lost')
    local counters = call('MGET', prefix .. 'seq', prefix .. 'serving')
    version, state = tonumber(cfg[2]) or 0, tonumber(cfg[3])
    issued, serving = tonumber(counters[1]) or 0, tonumber(counters[2]) or 0
    era, digest = tonumber(cfg[16]) or 0, cfg[17] or ''
end

local function has_document()
    return version == known_version and era == known_era and digest == known_digest
end

local function read_line()
    rate_milli, burst, max_active = tonumber(cfg[4]), tonumber(cfg[5]), tonumber(cfg[6])
    call_ttl_ms, grace_ms = tonumber(cfg[7]), tonumber(cfg[8])
    shares = shares_of(cfg[15])
    read_pilot()
    bucket = bucket_read('at_us', 'nano', 'dues', 'called_n', 'came_n', 'left_n', 'settled',
        'dead', 'admitted', 'no_shows', 'show_came', 'show_of', 'rate_places', 'rate_us',
        'generation', 'last_upto', 'last_called_ms', 'last_expires_ms', 'series_at_ms',
        'series_step_ms', 'phantoms', 'phantom_until_ms', 'healed_upto', 'healed_came', 'minute',
        'heard_epoch', 'heard_upto', 'heard_next', 'skipped_n', 'early_n', 'moves_run', 'moves_seq',
        'epoch_ms', 'judged_epoch', 'judge_next', 'judged', 'ghosts_n', 'away_seq', 'away_whole',
        'away_at_ms', 'gap_pending', 'gap_upto', 'gap_passed', 'late_ms', 'stood_ms', 'thawed_ms')
    door_n = call('ZCARD', prefix .. 'door')
    own_tokens, lanes_expected = math.huge, 0 -- of the general lane; share_out() says
end

-- ---- the event's own clock ----

local function move(to, name_from, name_to, knob)
    state = to
    version = call('HINCRBY', CFG, 'version', 1)
    call('HSET', CFG, 'state', to)
    audit('{"who":"system","what":"' .. name_to .. '","from":"' .. name_from .. '","to":"' ..
        name_to .. '","why":"' .. knob .. '","because":{"reason":"' .. knob ..
        '","measured":null,"limit":null}}', version)
end

-- The entries close by the clock; from then on it is for the fronts to draw and open, since they alone
-- can make the seed and ask the beacon. Any of them does, as soon as its picture says so.
local function close_for_draw()
    local known = call('HMGET', CFG, 'closed', 'sealed', 'seed')
    if not known[2] and not known[3] then
        return false -- from before there were draws
    end
    if not known[1] then
        close_entries()
        version = call('HINCRBY', CFG, 'version', 1)
        audit('{"who":"system","what":"close-entries","from":null,"to":{"entries":' .. issued ..
            '},"why":"opens_at","because":{"reason":"opens_at","measured":null,"limit":null}}', version)
    end
    return true
end

local function move_by_schedule()
    local opens_at_ms, prequeue_at_ms = tonumber(cfg[9]), tonumber(cfg[10])
    if opens_at_ms > 0 and now_ms >= opens_at_ms then
        if state == PRE_QUEUE and close_for_draw() then
            return
        end
        move(OPEN, state == SCHEDULED and 'scheduled' or 'pre-queue', 'open', 'opens_at')
        bucket.at_us, bucket.nano = now_us, 0
    elseif state == SCHEDULED and prequeue_at_ms > 0 and now_ms >= prequeue_at_ms then
        move(PRE_QUEUE, 'scheduled', 'pre-queue', 'prequeue_at')
    end
end

-- ---- who left before the draw ----

-- A permutation of 64-bit rounds is beyond Lua's numbers, so fronts reckon the positions of those
-- few: told by one tick, they come with the next, from whichever front; each counts once.
local function settle_early()
    local first = EARLY_ARG
    for i = 1, tonumber(ARGV[first]) do
        local entry, position = ARGV[first - 1 + 2 * i], tonumber(ARGV[first + 2 * i])
        if call('SREM', prefix .. 'early', entry) == 1 then
            bucket.early_n = bucket.early_n - 1
            local came = call('GETBIT', prefix .. 'called', position) == 1
            if not came then
                call('SETBIT', prefix .. 'gone', position, 1)
            end
            if position > serving and away_left(bucket, position) then
                bucket.ghosts_n = bucket.ghosts_n - 1
            end
            if position <= serving then
                bucket.left_n = bucket.left_n - 1
                if position > bucket.settled and not came then
                    bucket.called_n = bucket.called_n - 1
                end
            end
        end
    end
end

-- ---- stretches whose time is over ----

local function show_up_seen(came, of)
    local keep = SHOW_MEMORY / (SHOW_MEMORY + of)
    bucket.show_came = bucket.show_came * keep + came
    bucket.show_of = bucket.show_of * keep + of
end

local function settle(upto)
    local size = upto - bucket.settled - bits('gone', bucket.settled, upto) -
        bits('skipped', bucket.settled, upto)
    local came = bits('called', bucket.settled, upto)
    local knocking = 0
    if door_n > 0 then
        knocking = call('ZCOUNT', prefix .. 'door', '(' .. bucket.settled, upto)
    end
    if upto == bucket.healed_upto then
        came = math.min(size, came + bucket.healed_came)
        bucket.healed_came = 0
    else
        show_up_seen(math.min(came + knocking, size), size)
    end
    bucket.called_n = math.max(0, bucket.called_n - size)
    bucket.came_n = math.min(math.max(0, bucket.came_n - came), bucket.called_n)
    bucket.no_shows = bucket.no_shows + math.max(0, size - came - knocking)
    bucket.settled = upto
end

local function settle_expired()
    local open = call('ZRANGEBYSCORE', prefix .. 'hist', '(' .. bucket.settled, '+inf', 'LIMIT', 0,
        SETTLE_MAX)
    for _, stretch in ipairs(open) do
        local upto, expires_ms = string.match(stretch, '^(%d+):%d+:(%d+)$')
        if tonumber(expires_ms) >= now_ms then
            break
        end
        settle(tonumber(upto))
    end
    local over = call('ZRANGEBYSCORE', prefix .. 'hist', '-inf', bucket.settled, 'LIMIT', 0,
        SETTLE_MAX)
    for _, stretch in ipairs(over) do
        local upto, expires_ms = string.match(stretch, '^(%d+):%d+:(%d+)$')
        if tonumber(expires_ms) + grace_ms >= now_ms then
            break
        end
        call('ZREM', prefix .. 'hist', stretch)
        bucket.dead = tonumber(upto)
    end
end

local function clear_door()
    if now_ms < bucket.thawed_ms + KNOCK_MS then
        return -- nobody could knock while the line stood still
    end
    local left = call('ZRANGEBYSCORE', prefix .. 'knock', '-inf', now_ms - KNOCK_MS, 'LIMIT', 0, 100)
    if #left > 0 then
        call('ZREM', prefix .. 'knock', unpack(left))
        call('ZREM', prefix .. 'door', unpack(left))
        call('ZREM', prefix .. 'back', unpack(left))
        door_n = call('ZCARD', prefix .. 'door')
    end
end

-- ---- who is there ----

-- Of these places, whoever was not heard in the last whole epoch nor since is away. Bits are only
-- added: who was away and is heard comes back by heard.lua.
local function judge_page(epoch, page)
    local absent, left = prefix .. 'absent', prefix .. 'left'
    local high = math.min(bucket.heard_upto, page * PAGE + PAGE - 1) % PAGE
    local bytes, first = math.floor(high / 8) + 1, page * PAGE_BYTES
    call('SET', left, bucket.left_n > 0 and
        call('GETRANGE', prefix .. 'gone', first, first + bytes - 1) or '')
    local length = call('BITOP', 'OR', absent, heard_key(epoch - 1, page), heard_key(epoch, page), left)
    if length < bytes then
        call('SETRANGE', absent, bytes - 1, '\0')
    elseif length > bytes then
        call('SET', absent, call('GETRANGE', absent, 0, bytes - 1))
    end
    call('BITOP', 'NOT', absent, absent)
    for bit = high + 1, bytes * 8 - 1 do
        call('SETBIT', absent, bit, 0)
    end
    local before = away_n(page, serving)
    call('BITOP', 'OR', away_key(page), away_key(page), absent)
    local found = away_n(page, serving) - before
    if found > 0 then
        bucket.ghosts_n = bucket.ghosts_n + found
        away_touch(bucket, page)
    end
    call('DEL', absent, left)
end

-- Has every front told all that it had heard before this epoch? One that was not heard of since the
-- last one began has no part in it: whoever it knew had a whole epoch to be heard at another.
local function marks_are_whole(epoch)
    local gone = call('ZRANGEBYSCORE', prefix .. 'contacts', '-inf',
        '(' .. (epoch - 1) * bucket.epoch_ms, 'LIMIT', 0, 64)
    if #gone > 0 then
        call('ZREM', prefix .. 'contacts', unpack(gone))
        call('ZREM', prefix .. 'tellers', unpack(gone))
    end
    local last = call('ZRANGE', prefix .. 'tellers', 0, 0, 'WITHSCORES')
    return last[2] and tonumber(last[2]) >= epoch * bucket.epoch_ms
end

local function judge()
    if bucket.epoch_ms == 0 then
        return -- no front has told anything yet
    end
    local epoch = math.floor(now_ms / bucket.epoch_ms)
    local gap = now_us - bucket.at_us > math.min(3000, bucket.epoch_ms / 2) * 1000
    if gap or epoch < bucket.heard_epoch or epoch > bucket.heard_epoch + 1 then
        bucket.heard_upto, bucket.heard_next = 0, 0 -- this epoch is not whole
    elseif epoch == bucket.heard_epoch + 1 then
        bucket.heard_upto, bucket.heard_next = bucket.heard_next, issued
    end
    if epoch ~= bucket.heard_epoch then
        bucket.heard_epoch = epoch
        bucket.judge_next = 0
        call('UNLINK', prefix .. 'fronts') -- a hash of the version before
    end
    if bucket.judged_epoch == epoch or bucket.heard_upto <= serving or not marks_are_whole(epoch) then
        return
    end
    local last = math.floor(bucket.heard_upto / PAGE)
    local first = math.max(bucket.judge_next, math.floor((serving + 1) / PAGE))
    for page = first, math.min(first + JUDGE_MAX - 1, last) do
        judge_page(epoch, page)
        bucket.judge_next = page + 1
    end
    -- Fronts fetch the pages one by one and show them all at once, at the same time, so that nobody is
    -- told fewer ahead by one than by the next.
    bucket.away_at_ms = now_ms + bucket.epoch_ms
    if bucket.judge_next > last then
        bucket.judged_epoch, bucket.judged = epoch, bucket.heard_upto
        bucket.away_whole = bucket.away_seq
        bucket.away_at_ms = now_ms + math.floor(bucket.epoch_ms * (1 / 15 + last / 500))
    end
end

-- The bits of the bytes from..to of the line, as one string: who is away.
local function away_bytes(from, to)
    local parts = {}
    for page = math.floor(from / PAGE_BYTES), math.floor(to / PAGE_BYTES) do
        local low = math.max(from - page * PAGE_BYTES, 0)
        local high = math.min(to - page * PAGE_BYTES, PAGE_BYTES - 1)
        local part = call('GETRANGE', away_key(page), low, high)
        parts[#parts + 1] = part .. string.rep('\0', high - low + 1 - #part)
    end
    return table.concat(parts)
end

-- ---- gaps ----

local gaps, gap_at = {}, 1

-- What heal.lua could only note while a draw was to come. Entries are no places; the draw has scattered
-- those that took part.
local function take_up_gaps()
    local drawn = tonumber(call('HGET', KEYS[1], 'entries')) or 0
    for _, gap in ipairs(gaps_parse(call('GET', prefix .. 'gaps'))) do
        gap.from = math.max(gap.from, drawn + 1)
        if gap.from <= gap.upto then
            gaps[#gaps + 1] = gap
            gap_away(bucket, gap)
            bucket.ghosts_n = bucket.ghosts_n + gap.upto - gap.from + 1
        end
    end
    gaps_write(gaps)
    bucket.gap_pending, bucket.gap_upto = 0, #gaps > 0 and gaps[#gaps].upto or 0
end

local function read_gaps()
    gaps, gap_at = {}, 1
    if bucket.gap_pending > 0 and state > PRE_QUEUE then
        take_up_gaps()
    elseif bucket.gap_pending == 0 and bucket.gap_upto > serving then
        gaps = gaps_parse(call('GET', prefix .. 'gaps'))
    end
end

-- The first place of from..upto that somebody has, or the one behind them.
local function somebodys(from, upto)
    local found
    each_page(from, upto, function(page, low, high)
        local bit = not found and call('BITPOS', away_key(page), 0, low, high, 'BIT')
        if bit and bit >= 0 then
            found = page * PAGE + math.max(bit, low)
        end
    end)
    return found or upto + 1
end

-- Steps over nobody's places of a gap, however many they are, unless somebody has left among them.
local function pass_gap()
    while gaps[gap_at] and gaps[gap_at].upto <= serving do
        gap_at = gap_at + 1
    end
    local gap = gaps[gap_at]
    if not gap or serving + 1 < gap.from then
        return
    end
    local first, last = serving + 1, somebodys(serving + 1, gap.upto) - 1
    if last >= first and (bucket.left_n == 0 or bits('gone', serving, last) == 0) then
        set_bits(prefix .. 'skipped', first, last)
        bucket.skipped_n = bucket.skipped_n + last - serving
        bucket.ghosts_n = bucket.ghosts_n - (last - serving)
        serving = last
    end
end

-- Up to where to look at each place, before there may be something to step over again.
local function walk_upto()
    local gap = gaps[gap_at]
    if not gap or gap.upto <= serving then
        return issued
    end
    return serving + 1 < gap.from and gap.from - 1 or gap.upto
end

-- Of the places stepped over just now, those that a gap had left out.
local function note_passed(before)
    for _, gap in ipairs(gaps) do
        bucket.gap_passed = bucket.gap_passed +
            bits('skipped', math.max(before, gap.from - 1), math.min(serving, gap.upto))
    end
    if #gaps > 0 and gaps[1].upto <= serving then
        while gaps[1] and gaps[1].upto <= serving do
            table.remove(gaps, 1)
        end
        gaps_write(gaps)
    end
end

local function tell_gaps()
    local nobodys = 0
    for _, gap in ipairs(gaps) do
        each_page(math.max(gap.from, serving + 1), gap.upto, function(page, low, high)
            nobodys = nobodys + call('BITCOUNT', away_key(page), low, high, 'BIT')
        end)
    end
    return { math.min(nobodys, bucket.ghosts_n), bucket.gap_passed, gaps_text(gaps) }
end

-- ---- stepping over who is away ----

-- Walks over places up to `limit` until `want` are found who are there.
local function advance_over_ghosts(want, limit)
    local upto = math.min(limit, serving + WALK_MAX)
    local from, to = math.floor((serving + 1) / 8), math.floor(upto / 8)
    local aways = away_bytes(from, to)
    local gone = call('GETRANGE', prefix .. 'gone', from, to)
    local skipped = call('GETRANGE', prefix .. 'skipped', from, to)
    local found, ghosts, left, out = 0, 0, 0, {}
    for byte = from, to do
        local i = byte - from + 1
        local away, given_up = string.byte(aways, i) or 0, string.byte(gone, i) or 0
        local passed = string.byte(skipped, i) or 0
        for place = math.max(serving + 1, byte * 8), math.min(upto, byte * 8 + 7) do
            local mask = 2 ^ (7 - place % 8)
            if bit.band(given_up, mask) ~= 0 then
                left = left + 1
            elseif bit.band(away, mask) ~= 0 then
                ghosts, passed = ghosts + 1, bit.bor(passed, mask)
            elseif found == want then
                break
            else
                found = found + 1
            end
            serving = place
        end
        out[i] = string.char(passed)
        if found == want then
            break
        end
    end
    if ghosts > 0 then
        call('SETRANGE', prefix .. 'skipped', from, table.concat(out))
    end
    bucket.left_n = bucket.left_n - left
    bucket.skipped_n = bucket.skipped_n + ghosts
    bucket.ghosts_n = bucket.ghosts_n - ghosts
    return found
end

-- ---- calling ----

local function refill()
    if bucket.at_us > 0 and lane == 0 then
        local elapsed_us = math.max(0, now_us - bucket.at_us)
        bucket.nano = bucket.nano + math.min(elapsed_us, ELAPSED_MAX_US) * rate_milli
        if state == OPEN and elapsed_us > ELAPSED_MAX_US then
            bucket.late_ms = bucket.late_ms + math.floor((elapsed_us - ELAPSED_MAX_US) / 1000 + 0.5)
        end
    end
end

-- Late ones at the door are paid for before anybody is called. What was put aside for one who left
-- is lost: given back, it would come on top of the burst.
local function pay_door(late_n)
    bucket.dues = math.min(bucket.dues, late_n)
    local paid = math.min(late_n - bucket.dues, math.floor(bucket.nano / TOKEN))
    bucket.nano = bucket.nano - paid * TOKEN
    bucket.dues = bucket.dues + paid
end

-- How many of those called and not yet come are still to be reckoned with.
local function expected_n(late_n)
    local show = (bucket.show_came + SHOW_PRIOR) / (bucket.show_of + SHOW_PRIOR)
    local outstanding = bucket.called_n - bucket.came_n
    local expected = math.ceil(show * bucket.called_n - bucket.came_n - 0.000001)
    return math.min(math.max(expected, door_n - late_n, 0), outstanding)
end

local function free_slots(active, late_n)
    if max_active == 0 or lane > 0 then
        return math.huge -- a lane's calls were reckoned with when it was given their tokens
    end
    return max_active - active - expected_n(late_n) - late_n - lanes_expected
end

-- ---- lanes ----

-- Shares `tokens` among lanes by weight, each given no more than it wants; what one does not want
-- goes to the others. `credit` is what a lane was short of its share so far, in tokens: fractions
-- are owed, so that 30 % are 30 % at one token a tick as well. Who wants nothing saves up nothing.
local function allot(tokens, lanes)
    local wanted = 0
    for i = 0, #shares do
        local one = lanes[i]
        wanted, one.given = wanted + one.want, 0
        if one.want == 0 then
            one.credit = 0
        end
    end
    if wanted <= tokens then
        for i = 0, #shares do
            lanes[i].given, lanes[i].credit = lanes[i].want, 0
        end
        return
    end
    local function give(one, number)
        one.given, one.credit, tokens = one.given + number, one.credit - number, tokens - number
    end
    local to_share = tokens
    for _ = 0, #shares do
        local weights = 0
        for i = 0, #shares do
            weights = weights + (lanes[i].given < lanes[i].want and lanes[i].weight or 0)
        end
        local left_over = 0
        for i = 0, #shares do
            local one = lanes[i]
            if one.given < one.want then
                one.credit = one.credit + to_share * one.weight / weights
                give(one, math.min(one.want - one.given, math.max(0, math.floor(one.credit))))
                if one.given == one.want then
                    left_over, one.credit = left_over + math.max(0, one.credit), 0
                end
            end
        end
        to_share = left_over
    end
    while tokens >= 1 do -- less than one a lane: fractions
        local next
        for i = 0, #shares do
            local one = lanes[i]
            if one.given < one.want and (not next or one.credit > next.credit) then
                next = one
            end
        end
        give(next, 1)
    end
end

-- What each lane's own tick has told of it, and what it was given and has not used yet.
local function lanes_read(late_n)
    local told = {}
    local fields = call('HGETALL', root .. 'lanes')
    for i = 1, #fields, 2 do
        told[fields[i]] = tonumber(fields[i + 1])
    end
    local lanes, general = {}, 100
    for i, share in ipairs(shares) do
        local fresh = (told['at' .. i] or 0) > now_ms - LANE_SILENT_MS
        local pending = math.floor((tonumber(call('HGET', root .. '@' .. i .. ':bucket', 'nano')) or 0) /
            TOKEN)
        lanes[i] = {
            weight = share,
            want = fresh and math.max(0, (told['want' .. i] or 0) - pending) or 0,
            pending = pending,
            expected = fresh and told['expected' .. i] or 0,
            credit = (told['credit' .. i] or 0) / 1000000,
        }
        general = general - share
    end
    lanes[0] = {
        weight = general,
        want = state == OPEN and math.max(0, issued - serving - bucket.left_n) or 0,
        pending = 0,
        expected = 0,
        credit = (told.credit0 or 0) / 1000000,
    }
    return lanes
end

-- The event's own tick gives each lane tokens of its bucket; the lane's next tick calls with them.
-- They count as saved until then, and as people to come.
local function share_out(active, late_n)
    local lanes, pending = lanes_read(late_n), 0
    for i = 1, #shares do
        pending = pending + lanes[i].pending
        lanes_expected = lanes_expected + lanes[i].pending + lanes[i].expected
    end
    local tokens = math.min(math.floor(bucket.nano / TOKEN), free_slots(active, late_n),
        math.max(#shares + 1, burst) - pending)
    own_tokens = 0
    if tokens < 1 then
        return
    end
    allot(tokens, lanes)
    own_tokens = lanes[0].given
    local credits = {}
    for i = 0, #shares do
        credits[#credits + 1] = 'credit' .. i
        credits[#credits + 1] = math.floor(lanes[i].credit * 1000000 + 0.5)
        if i > 0 and lanes[i].given > 0 then
            bucket.nano = bucket.nano - lanes[i].given * TOKEN
            lanes_expected = lanes_expected + lanes[i].given
            call('HINCRBY', root .. '@' .. i .. ':bucket', 'nano', lanes[i].given * TOKEN)
        end
    end
    call('HSET', root .. 'lanes', unpack(credits))
end

-- A lane's tick tells what it could use, and gives back what it cannot.
local function tell_event(late_n)
    local waiting = state == OPEN and math.max(0, issued - serving - bucket.left_n) or 0
    local unpaid = math.max(0, late_n - bucket.dues)
    if waiting + unpaid == 0 and bucket.nano > 0 then
        call('HINCRBY', root .. 'bucket', 'nano', bucket.nano)
        bucket.nano = 0
    end
    call('HSET', root .. 'lanes', 'want' .. lane, waiting + unpaid, 'expected' .. lane,
        expected_n(late_n) + late_n, 'at' .. lane, now_ms)
end

-- Moves serving over `want` people who are still there; those who left are stepped over and cost
-- nothing. In a desert of left places the step grows until it finds somebody.
local function advance_counted(want)
    if bucket.left_n == 0 then
        want = math.min(want, issued - serving)
        serving = serving + want
        return want
    end
    local found, step = 0, want
    for _ = 1, 32 do
        if found == want or serving == issued then
            break
        end
        local upto = math.min(serving + step, issued)
        local left = bits('gone', serving, upto)
        local here = upto - serving - left
        if found + here <= want then
            serving, found = upto, found + here
            bucket.left_n = bucket.left_n - left
            step = here == 0 and step * 4 or want - found
        else
            step = math.max(want - found, math.floor(step / 4))
        end
    end
    return found
end

local function advance(want)
    if bucket.ghosts_n == 0 then
        return advance_counted(want)
    end
    local found, walked = 0, 0
    for _ = 1, GAP_TURNS do
        pass_gap()
        local limit, before = math.min(walk_upto(), serving + WALK_MAX - walked), serving
        found = found + advance_over_ghosts(want - found, limit)
        walked = walked + serving - before
        if found == want or walked == WALK_MAX or serving == issued then
            break
        end
    end
    return found
end

-- Writes down who was just called. Neighbouring calls share a stretch: what they have in common is
-- the later end, so that nobody's time is cut.
local function remember_call(first_new)
    local window_ms = math.max(STRETCH_MIN_MS, (call_ttl_ms + grace_ms) / STRETCHES_WANTED)
    local called_ms, expires_ms = now_ms, now_ms + call_ttl_ms
    local shares = bucket.last_upto > bucket.settled and bucket.last_upto == first_new and
        (now_ms < bucket.last_called_ms + window_ms or
            call('ZCARD', prefix .. 'hist') >= STRETCHES_MAX)
    if shares then
        call('ZREMRANGEBYSCORE', prefix .. 'hist', bucket.last_upto, bucket.last_upto)
        called_ms = bucket.last_called_ms
        expires_ms = math.max(expires_ms, bucket.last_expires_ms)
        if bucket.healed_upto == bucket.last_upto then
            bucket.healed_upto = serving
        end
    end
    call('ZADD', prefix .. 'hist', serving, serving .. ':' .. called_ms .. ':' .. expires_ms)
    bucket.last_upto, bucket.last_called_ms, bucket.last_expires_ms = serving, called_ms, expires_ms
end

local function call_next(active, late_n)
    local tokens = math.floor(bucket.nano / TOKEN)
    local waiting = issued - serving - bucket.left_n
    local want = math.min(tokens, own_tokens, waiting, free_slots(active, late_n))
    if want < 1 then
        return 0
    end
    local before = serving
    local found = advance(want)
    bucket.nano = bucket.nano - found * TOKEN
    bucket.called_n = bucket.called_n + found
    call('SET', prefix .. 'serving', serving)
    note_passed(before)
    if serving > before then
        remember_call(before)
    end
    return found
end

-- People called a second, measured only while somebody is left waiting: an empty line says nothing about
-- how fast it could move.
local function measure_rate(called)
    if bucket.at_us == 0 or issued - serving - bucket.left_n <= 0 then
        return
    end
    local elapsed_us = math.min(math.max(0, now_us - bucket.at_us), 5000000)
    local keep = math.exp(-elapsed_us / RATE_MEMORY_US)
    bucket.rate_places = bucket.rate_places * keep + called
    bucket.rate_us = bucket.rate_us * keep + elapsed_us
end

-- ---- places that moved ----

local function learn_moves()
    local first = MOVES_ARG + 2
    for i = 1, tonumber(ARGV[first]) do
        moves_known(ARGV[first - 1 + 2 * i], tonumber(ARGV[first + 2 * i]))
    end
end

local function tell_moves()
    local known = tonumber(ARGV[MOVES_ARG]) == bucket.moves_run and tonumber(ARGV[MOVES_ARG + 1]) or 0
    local told = { bucket.moves_run, known }
    if bucket.moves_seq > known then
        local all = call('ZRANGEBYSCORE', prefix .. 'moved', known * 256 + 256, '+inf',
            'WITHSCORES', 'LIMIT', 0, MOVES_REPLY)
        for i = 1, #all, 2 do
            local score = tonumber(all[i + 1])
            told[#told + 1] = all[i]
            told[#told + 1] = score % 256
            told[2] = math.floor(score / 256)
        end
    end
    return told
end

-- ---- housekeeping ----

local function thin_series()
    local all = call('LRANGE', prefix .. 'series', 0, -1)
    local kept = {}
    for i = 2, #all, 2 do
        kept[#kept + 1] = all[i]
    end
    call('DEL', prefix .. 'series')
    for i = 1, #kept, 512 do
        call('RPUSH', prefix .. 'series', unpack(kept, i, math.min(i + 511, #kept)))
    end
    bucket.series_step_ms = bucket.series_step_ms * 2
end

local function sample(waiting, active, outstanding)
    if now_ms < bucket.series_at_ms then
        return
    end
    bucket.series_step_ms = math.max(1000, bucket.series_step_ms)
    local line = table.concat({ now_ms, issued, serving, waiting, active, outstanding,
        bucket.admitted, bucket.no_shows, rate_milli }, ':')
    local show_milli = 1000
    if bucket.show_of > 0 then
        show_milli = math.floor(1000 * bucket.show_came / bucket.show_of + 0.5)
    end
    line = line .. ':' .. show_milli
    for _, sum in ipairs(call('HMGET', prefix .. 'told', unpack(TOLD))) do
        line = line .. ':' .. (sum or 0)
    end
    line = line .. ':' .. bucket.late_ms
    if call('RPUSH', prefix .. 'series', line) >= SERIES_MAX then
        thin_series()
    end
    bucket.series_at_ms = now_ms - now_ms % bucket.series_step_ms + bucket.series_step_ms
end

-- Counts of joins by address are of no use after their minute. An expiry would cost each batch a
-- call and its end would free a large hash in the foreground; UNLINK frees it in the background.
local function clear_old_minutes()
    local minute = math.floor(now_ms / 60000)
    if bucket.minute > 0 then
        for old = bucket.minute, math.min(minute - 1, bucket.minute + 9) do
            call('UNLINK', root .. 'ip:' .. old)
            call('UNLINK', root .. 'work:' .. old - WORK_MINUTES)
        end
    end
    bucket.minute = minute
end

-- ---- what is told ----

-- What everybody is told; complete() adds what the one who asks lacks.
local function show(active)
    local show_milli, service_milli = 1000, 0
    if bucket.show_of > 0 then
        show_milli = math.floor(1000 * bucket.show_came / bucket.show_of + 0.5)
    end
    if bucket.rate_us > 0 then
        service_milli = math.floor(bucket.rate_places * 1000000000 / bucket.rate_us + 0.5)
    end
    return { OK, state, version, issued, serving,
        math.max(0, issued - serving - bucket.left_n - bucket.ghosts_n), active,
        bucket.called_n - bucket.came_n, bucket.admitted, bucket.no_shows, show_milli,
        service_milli, now_ms, bucket.dead, bucket.generation, {}, {},
        { bucket.judged, bucket.skipped_n, bucket.ghosts_n, bucket.away_seq, bucket.away_whole,
            bucket.away_at_ms }, {}, {}, cfg[11] and cfg[11] + 1 or 0, pilot,
        { bucket.moves_run, bucket.moves_seq }, cfg[14] or '', {}, tell_gaps(),
        call('ZCARD', prefix .. 'tellers'), bucket.late_ms, bucket.stood_ms,
        math.floor(math.max(0, -off_us) / 1000), math.floor(math.max(0, off_us) / 1000),
        cfg[18] and call('HLEN', root .. 'codes') or 0, cfg[19] or 0 }
end

-- For those who tick in the next moment.
local function keep_picture(told)
    if bucket.early_n > 0 then
        call('DEL', prefix .. 'picture') -- some front shall tell positions
        return
    end
    local newest = call('ZREVRANGE', prefix .. 'hist', 0, STRETCHES_KEPT - 1)
    local first_upto = 0
    for i = #newest, 1, -1 do
        told[17][#newest + 1 - i] = newest[i]
    end
    if #newest == STRETCHES_KEPT then
        first_upto = tonumber(string.match(newest[#newest], '^%d+'))
    end
    call('SET', prefix .. 'picture',
        cmsgpack.pack({ now_us, ARGV[1], incarnation, era, digest, first_upto, bucket.last_upto,
            told }))
end

-- What this front lacks.
local function complete(told)
    if not has_document() then
        if digest == '' then
            digest = sign_document()
        end
        if ARGV[#ARGV] ~= '' then
            call('HSETNX', CFG, 'identity', ARGV[#ARGV])
        end
        local document = call('HMGET', CFG, 'doc', knob_names())
        for i = 2, #document do
            document[i] = document[i] or 0 -- a knob that is younger than this event
        end
        document[#document + 1] = era
        document[#document + 1] = digest
        document[#document + 1] = call('HGET', CFG, 'identity') or ''
        local drawn = cfg_read('seed', 'entries', 'beacon', 'drawn_ms', 'frozen_from',
            'undo_version', 'undo_state', 'sealed', 'closed', 'closed_ms', 'proof')
        told[16], told[19] = document, { drawn[1] or '', drawn[2] or '', drawn[3] or '',
            drawn[4] or '0', drawn[5] or PAUSED, drawn[6] or 0, drawn[7] or DRAFT, incarnation,
            drawn[8] or '', drawn[9] or '', drawn[10] or '0', drawn[11] or '' }
    end
    if bucket.early_n > 0 and state > PRE_QUEUE then
        told[20] = call('SRANDMEMBER', prefix .. 'early', EARLY_REPLY)
    end
    local known_upto = bucket.generation == tonumber(ARGV[5]) and tonumber(ARGV[6]) or 0
    told[17] = {}
    if bucket.last_upto > known_upto then
        told[17] = call('ZRANGEBYSCORE', prefix .. 'hist', '(' .. known_upto, '+inf', 'LIMIT', 0,
            STRETCHES_REPLY)
    end
    told[23], told[25] = tell_moves(), tell_turns()
    return told
end

-- ---- one tick ----

local function move_line(active)
    settle_expired()
    local late_n = 0
    if door_n > 0 then
        clear_door()
        -- Ghosts who came back owe a token as the late do.
        late_n = call('ZCOUNT', prefix .. 'door', '-inf', bucket.settled) +
            call('ZCOUNT', prefix .. 'back', '(' .. bucket.settled, '+inf')
    end
    judge()
    refill()
    pay_door(late_n)
    if lane == 0 and #shares > 0 then
        share_out(active, late_n)
    end
    if state == OPEN then
        measure_rate(call_next(active, late_n))
    end
    if lane > 0 then
        tell_event(late_n)
    end
    bucket.nano = math.min(bucket.nano, math.max(#shares + 1, burst) * TOKEN)
end

local answer, alone

local function tick()
    if lane ~= asked or lane > 0 then
        read_event() -- of the event itself it was read below
    end
    if cfg[1] ~= ARGV[1] then
        call('DEL', prefix .. 'picture')
        return -- of a line that is yet to be healed
    end
    read_line()
    if lane == 0 and (state == SCHEDULED or state == PRE_QUEUE) then
        move_by_schedule()
    end
    read_gaps()
    if lane == asked and bucket.early_n > 0 then
        settle_early()
    end
    end_expired_sessions()
    local active = call('ZCARD', root .. 'active') + phantoms_of(bucket)
    if state == OPEN or state == PAUSED then
        move_line(active)
    else
        bucket.heard_epoch = 0 -- places may be drawn anew before the line opens
    end
    bucket.at_us = now_us
    local told = show(active)
    if lane == 0 then
        if state ~= DRAFT and state ~= SCHEDULED and state ~= CLOSED then
            sample(told[6], active, told[8])
        end
        clear_old_minutes()
    end
    bucket_write(bucket)
    if not alone then
        keep_picture(told)
    end
    if lane == asked then
        take_told()
        learn_moves()
        answer = complete(told)
    end
end

read_event()
local refused = refusal(cfg[1])
if refused then
    return refused
elseif issued < tonumber(ARGV[2]) or serving < tonumber(ARGV[3]) or
    (lane == 0 and not has_document() and document_behind(version, known_version, known_era)) then
    return { HEAL }
end
if asked > 0 and call('HGET', CFG, 'boot') ~= ARGV[1] then
    alone = true -- the event is yet to be healed, or is being deleted
    tick()
else
    each_line(tick)
end
if not answer then
    tick() -- a lane that the event has no more
end
return answer
