-- admin.lua: an operator's change of an event: create, change, transition. Compared, written and added to the
-- audit trail in one step.
--
-- Arguments ask_admin, returns reply_change. Some calls use an argument for something else:
--   `create`: a random number of 24 bits, not 0, in place of `from`
--   `seats`: the number of seats left in place of the state `from`; the odds that the front computed from it
--   (opaque here) in place of the audit entry; `to` is OPEN if a sold-out event may reopen when there are seats
--   `restore`: the archived version in place of the expected one, the incarnation in place of the state `from`,
--   and the rest of the archive in place of the draw's arguments: {seal, identity, beacon, proof, lines: [{issued,
--   serving, admitted, no_shows, skipped, waiting, and once they are known closed, closed_ms, seed, entries,
--   drawn_ms}, ...]} as JSON; for a running event also: read_ms, active, hall_until_ms, and if known frozen_from,
--   seats_left, codes; for each line dead, outstanding, show_up_milli, service_rate_milli, joins_milli
--   `delete`: 1 in place of the state `from` if it need not be archived
--
-- The caller's table decides which moves are legal. Here only the state it started from is compared, so that of
-- two operators who click at the same time, one learns that the other was first.

-- With the autopilot on, its own rate is effective. It starts at the knob's when it is switched on, and again
-- whenever somebody changes that knob; its silence is counted from then on.
local function hand_over(before)
    local now = call('HMGET', KEYS[1], 'rate_milli', 'pilot_ceiling_milli')
    local ceiling_milli = tonumber(now[2]) or 0
    if ceiling_milli == 0 then
        call('DEL', prefix .. KEY.pilot)
    elseif (tonumber(before[2]) or 0) == 0 or before[1] ~= now[1] then
        local rate_milli = math.min(tonumber(now[1]), ceiling_milli)
        call('HSET', prefix .. KEY.pilot, 'rate_milli', rate_milli, 'at_ms', now_ms, 'heard_ms',
            now_ms, 'from_milli', rate_milli, 'moved_ms', now_ms, 'reason', 'set', 'why',
            'set by the operator or the schedule', 'because',
            '{"reason":"set","measured":null,"limit":null}', 'reading', '')
    end
end

local function write_document()
    if ARGV[ask_admin.doc] == '' then
        return
    end
    local before = call('HMGET', KEYS[1], 'rate_milli', 'pilot_ceiling_milli')
    local fields = { 'doc', ARGV[ask_admin.doc] }
    for i, name in ipairs({ knobs.names }) do
        fields[#fields + 1] = name
        fields[#fields + 1] = ARGV[ask_admin.knobs - 1 + i]
    end
    call('HSET', KEYS[1], unpack(fields))
    hand_over(before)
    begin_lanes(ARGV[1])
end

local function take_seal()
    if ARGV[ask_admin.seal] ~= '' and call('HEXISTS', KEYS[1], 'seed') == 0 then
        call('HSETNX', KEYS[1], 'sealed', ARGV[ask_admin.seal])
    end
end

local function stops_clocks(state)
    return state == SOLD_OUT or state == FROZEN
end

-- While sold out or frozen nobody can enter, so nobody's time runs: the rest of each call is given back when the
-- line moves again, and fronts fetch the stretches again, at most STRETCHES_MAX of tick.lua. The number of
-- visitors has no such limit, so their data is not touched: `kept` excludes paused time, and everybody at the door
-- counts as seen now.
local function thaw()
    local bucket = bucket_read('frozen_ms', 'dead', 'generation', 'last_upto', 'last_expires_ms', 'stood_ms',
        'thawed_ms')
    local frozen_for_ms = math.max(0, now_ms - bucket.frozen_ms) -- a clock step that was not applied
    local stretches = call('ZRANGE', prefix .. KEY.hist, 0, -1)
    for _, stretch in ipairs(stretches) do
        local upto, called_ms, expires_ms = string.match(stretch, '^(%d+):(%d+):(%d+)$')
        call('ZREM', prefix .. KEY.hist, stretch)
        call('ZADD', prefix .. KEY.hist, upto,
            upto .. ':' .. called_ms .. ':' .. tonumber(expires_ms) + frozen_for_ms)
    end
    bucket.stood_ms = bucket.stood_ms + frozen_for_ms
    bucket.thawed_ms = now_ms
    bucket.last_expires_ms = bucket.last_expires_ms + frozen_for_ms
    bucket.generation = now_ms
    bucket_write(bucket)
end

local function transition(from, to)
    if from == PRE_QUEUE and to == OPEN then
        draw(cjson.decode(ARGV[ask_admin.draw]))
    end
    local stood, stands = stops_clocks(from), stops_clocks(to)
    if stood and not stands then
        each_line(thaw)
    elseif stands and not stood then
        each_line(function() call('HSET', prefix .. KEY.bucket, 'frozen_ms', now_ms) end)
    end
    if to == FROZEN then
        call('HSET', KEYS[1], 'frozen_from', from)
    elseif to == OPEN then
        -- Earlier tokens are not owed: the line starts to move smoothly.
        each_line(function() call('HSET', prefix .. KEY.bucket, 'at_us', now_us, 'nano', 0) end)
    end
    call('HSET', KEYS[1], 'state', to)
end

-- Saves what an act is about to change, so that it can be undone; an undo is saved the same way, so that it can be
-- redone. Only the newest act, since later acts build on older ones.
local function remember(state)
    local names = { 'doc', knobs.names }
    local values = call('HMGET', KEYS[1], unpack(names))
    local fields = { 'undo_state', state }
    for i, name in ipairs(names) do
        fields[#fields + 1] = 'undo:' .. name
        fields[#fields + 1] = values[i] or ''
    end
    return fields
end

-- True if the event would open, or close its entries or itself, as soon as it is undone. Documents write times so that
-- their order is the text's.
local function moves_at_once(state)
    local before = call('HMGET', KEYS[1], 'undo:doc', 'undo:opens_at_ms', 'opens_at_ms')
    local closes_at, opens_at_ms = string.match(before[1], '"closes_at":"([^"]+)"'), tonumber(before[2]) or 0
    local opens = state <= PRE_QUEUE and before[2] ~= before[3] and opens_at_ms > 0 and opens_at_ms <= now_ms
    return opens or (state ~= CLOSED and closes_at and closes_at <= ARGV[ask_admin.from])
end

-- Without the due steps of its schedule: the next tick would take them, which is what was undone.
local function without_due(doc)
    return (string.gsub(doc, '{"at":"([^"]+)","rate_per_s":[%d.]+},?', function(at)
        return at <= ARGV[ask_admin.from] and '' or nil
    end))
end

-- A public promise of the draw is withdrawn by a change, which counts it, never by an undo.
local function withdraws_promise(state)
    local function promise(name)
        return string.match(call('HGET', KEYS[1], name), '"beacon":(.-"changes":%d+)')
    end
    return state ~= DRAFT and promise('undo:doc') ~= promise('doc')
end

-- Codes, which are counted for all lanes together, and invitations are bound to a lane's number. The invitations of a lane
-- that the change added go with it.
local function unbinds_lanes()
    local now = call('HMGET', KEYS[1], 'doc', 'undo:doc', 'codes_lost')
    local coded = now[3] or call('HLEN', root .. KEY.codes) > 0
    local restored = string.gmatch(now[2], '{"id":"([^"]+)","name"')
    for id, invitations in string.gmatch(now[1], '{"id":"([^"]+)","name":".-","share":%d+,"invitations":(%d+)') do
        local before = restored()
        if before ~= id and (coded or before and invitations ~= '0') then
            return true
        end
    end
    return false
end

local function restore()
    local before = call('HMGET', KEYS[1], 'rate_milli', 'pilot_ceiling_milli')
    local names = { 'doc', knobs.names }
    local fields = {}
    for _, name in ipairs(names) do
        fields[#fields + 1] = name
        fields[#fields + 1] = call('HGET', KEYS[1], 'undo:' .. name) or '0' -- a newer program's knob
    end
    fields[2] = without_due(fields[2])
    call('HSET', KEYS[1], unpack(fields))
    hand_over(before)
end

-- Seats came back to a sold-out event: everybody keeps waiting in the old order.
local function feed(state, version, seats, reopen)
    local before = tonumber(call('HGET', KEYS[1], 'seats_left'))
    call('HSET', KEYS[1], 'seats_left', seats, 'odds', ARGV[ask_admin.audit])
    if not (reopen and state == SOLD_OUT and before == 0 and seats > 0) then
        return { OK, state, version }
    end
    transition(SOLD_OUT, OPEN)
    version = call('HINCRBY', KEYS[1], 'version', 1)
    audit('{"who":"system","what":"open","from":"sold-out","to":"open","why":"' .. seats ..
        ' seats came back","because":{"reason":"seats-back","measured":' .. seats ..
        ',"limit":null}}', version)
    return { OK, OPEN, version }
end

-- Deletes an event: `archived` is the version stored in a file; `deleted` is the last audit entry, kept until the
-- rest is gone. Only sweep.lua touches the event from then on, since `boot` names no run.
local function delete(state, version, archived)
    if state ~= CLOSED and state ~= DRAFT then
        return { WRONG_STATE, state, version }
    elseif state == CLOSED and archived ~= version and ARGV[ask_admin.from] ~= '1' then
        return { NOT_YET, state, version }
    end
    call('HSET', KEYS[1], 'deleted', ARGV[ask_admin.audit], 'boot', '')
    return { OK, state, version }
end

local function archive(state, version)
    if state ~= CLOSED then
        return { WRONG_STATE, state, version }
    end
    call('HSET', KEYS[1], 'archived', version)
    audit(ARGV[ask_admin.audit], version)
    return { OK, state, version }
end

-- All calls of a closed line are over. Which of the places ahead had left or were ghosts is no longer known, only
-- how many.
local function lay_to_rest(line)
    call('SET', prefix .. KEY.seq, line.issued)
    call('HSET', prefix .. KEY.bucket, 'left_n', math.max(0, line.issued - line.serving - line.waiting),
        'settled', line.serving, 'dead', line.serving, 'last_upto', line.serving)
end

-- Places that may have been issued since the file was written: twice the join rate of that time. They are kept for
-- visitors who show a ticket for one, and hold nobody up, as after a heal.
local function keep_gap(line, read_ms, state)
    local since_ms = math.max(0, now_ms - read_ms) + 1000
    local gap = math.ceil(2 * line.joins_milli * since_ms / 1000000)
    gap = math.min(math.max(gap, GAP_MIN), GAP_MAX)
    leave_out({ from = line.issued + 1, upto = line.issued + gap }, state, line.seed)
    call('SET', prefix .. KEY.seq, line.issued + gap)
end

-- A running line continues where it was. Visitors who were called and may still come get a new window. Those
-- called later, or inside, prove it with their ticket or pass (see visit.lua), and otherwise are called again.
-- Ghosts are found again.
local function go_on(line, record, state)
    local session_ttl_ms = tonumber(call('HGET', CFG, 'session_ttl_ms'))
    local expires_ms = now_ms + tonumber(call('HGET', CFG, 'call_ttl_ms'))
    local called_n = line.serving - line.dead
    local came_n = math.max(0, called_n - line.outstanding)
    if called_n > 0 then
        call('ZADD', prefix .. KEY.hist, line.serving, line.serving .. ':' .. now_ms .. ':' .. expires_ms)
    end
    call('HSET', prefix .. KEY.bucket, 'at_us', now_us, 'frozen_ms', now_ms, 'settled', line.dead,
        'dead', line.dead, 'called_n', called_n, 'came_n', came_n, 'healed_upto', line.serving,
        'healed_came', came_n, 'last_upto', line.serving, 'last_called_ms', now_ms, 'last_expires_ms',
        expires_ms, 'moves_run', now_ms, 'show_came', line.show_up_milli / 10, 'show_of', 100,
        'rate_places', line.service_rate_milli / 100, 'rate_us', 10000000)
    if lane == 0 then
        call('HSET', prefix .. KEY.bucket, 'phantoms', record.active, 'phantom_until_ms',
            now_ms + session_ttl_ms, 'restored_until_ms', now_ms + session_ttl_ms)
    end
    keep_gap(line, record.read_ms, state)
end

-- A line of a restored event: its numbers and its draw.
local function begin_again(line, record, state)
    local cfg = prefix .. KEY.cfg
    call('SET', prefix .. KEY.serving, line.serving)
    call('HSET', prefix .. KEY.bucket, 'admitted', line.admitted, 'no_shows', line.no_shows, 'skipped_n',
        line.skipped, 'generation', now_ms)
    if record.read_ms then
        go_on(line, record, state)
    else
        lay_to_rest(line)
    end
    if line.closed then
        call('HSET', cfg, 'closed', line.closed, 'closed_ms', line.closed_ms)
    end
    if line.seed then
        call('HSET', cfg, 'seed', line.seed, 'entries', line.entries, 'beacon', record.beacon,
            'drawn_ms', line.drawn_ms)
    end
end

-- The archived event as it was: incarnation, version, state. A closed one counts as archived.
local function make_again()
    local record = cjson.decode(ARGV[ask_admin.draw])
    local version, state = tonumber(ARGV[ask_admin.if_version]), tonumber(ARGV[ask_admin.to])
    call('DEL', prefix .. KEY.erased)
    call('HSET', KEYS[1], 'boot', ARGV[1], 'version', version, 'state', state, 'incarnation', ARGV[ask_admin.from],
        'era', now_ms)
    if record.read_ms == nil then
        call('HSET', KEYS[1], 'archived', version)
    end
    for name, value in pairs({ sealed = record.seal, identity = record.identity, proof = record.proof,
        frozen_from = record.frozen_from or '', seats_left = record.seats_left or '',
        hall_until_ms = record.hall_until_ms or '', codes = record.codes or '', codes_lost = record.codes or '' }) do
        if value ~= '' then
            call('HSET', KEYS[1], name, value)
        end
    end
    write_document()
    each_line(function() begin_again(record.lines[lane + 1], record, state) end)
    sign_document()
    audit(ARGV[ask_admin.audit], version)
    return { OK, state, version }
end

local cfg = cfg_read(cfg_admin.names)
if cfg[cfg_admin.deleted] then
    return { GONE, tonumber(cfg[cfg_admin.state]), tonumber(cfg[cfg_admin.version]) }
end
local creates, restores = ARGV[ask_admin.call] == 'create', ARGV[ask_admin.call] == 'restore'
if cfg[cfg_admin.version] and (creates or restores) then
    local same = creates or incarnation == ARGV[ask_admin.from]
    return { same and SAME or CONFLICT, tonumber(cfg[cfg_admin.state]), tonumber(cfg[cfg_admin.version]) }
elseif creates or restores then
    if (tonumber(call('HGET', prefix .. KEY.heal, 'version')) or 0) > 0 then
        return { HEAL } -- fronts are reporting an event with this id right now
    elseif restores then
        return make_again()
    end
    local previous = call('GET', prefix .. KEY.erased) or '' -- event with this id
    local made_ms = math.max(now_ms, (tonumber(string.sub(previous, 1, 12), 16) or 0) + 1)
    call('DEL', prefix .. KEY.erased)
    call('HSET', KEYS[1], 'boot', ARGV[1], 'version', 1, 'state', DRAFT, 'incarnation',
        string.format('%012x%06x', made_ms, tonumber(ARGV[ask_admin.from])))
    take_seal()
    write_document()
    sign_document()
    audit(ARGV[ask_admin.audit], 1)
    return { OK, DRAFT, 1 }
end

if not cfg[cfg_admin.version] then
    return { UNKNOWN, DRAFT, 0 }
end
local refused = refusal(cfg[cfg_admin.boot])
if refused then
    return refused
end
local version, state = tonumber(cfg[cfg_admin.version]), tonumber(cfg[cfg_admin.state])
if ARGV[ask_admin.call] == 'seats' then
    return feed(state, version, tonumber(ARGV[ask_admin.from]), tonumber(ARGV[ask_admin.to]) == OPEN)
end
if ARGV[ask_admin.call] == 'transition' and state ~= tonumber(ARGV[ask_admin.from]) then
    return { WRONG_STATE, state, version }
end
if tonumber(ARGV[ask_admin.if_version]) ~= 0 and tonumber(ARGV[ask_admin.if_version]) ~= version then
    return { CONFLICT, state, version }
end
if ARGV[ask_admin.call] == 'delete' then
    return delete(state, version, tonumber(cfg[cfg_admin.archived]))
elseif ARGV[ask_admin.call] == 'archive' then
    return archive(state, version)
end
take_seal()
local kept = remember(state)
if ARGV[ask_admin.call] == 'undo' then
    local was = tonumber(call('HGET', KEYS[1], 'undo_state')) -- `to` is what the front knows, perhaps of an older version
    if tonumber(cfg[cfg_admin.undo_version]) ~= version or was ~= tonumber(ARGV[ask_admin.to]) then
        return { CONFLICT, state, version }
    elseif moves_at_once(state) or withdraws_promise(state) or unbinds_lanes() then
        return { WRONG_STATE, state, version }
    end
    restore()
end
if ARGV[ask_admin.call] ~= 'change' and tonumber(ARGV[ask_admin.to]) ~= state then
    transition(state, tonumber(ARGV[ask_admin.to]))
    state = tonumber(ARGV[ask_admin.to])
end
if ARGV[ask_admin.hall_until_ms] ~= '0' then
    call('HSET', KEYS[1], 'hall_until_ms', ARGV[ask_admin.hall_until_ms])
end
write_document()
sign_document()
version = call('HINCRBY', KEYS[1], 'version', 1)
call('HSET', KEYS[1], 'undo_version', version, unpack(kept))
audit(ARGV[ask_admin.audit], version)
return { OK, state, version }
