-- cut.lua: makes, sends and restores the cuts of a sharded line.
--
-- Arguments ask_cut, returns reply_cut:
--   OK    the cut was made, or the shard sealed
--   SAME  nothing was made: this cut exists, the epoch has ended, or nobody has joined
--   HEAL  retry: cuts may be lost, and fronts report the ones they know, for retry_ms more
--   CONFLICT  this front has other cuts than Redis, or another number of shards: it must drop its own
--   FULL  a line has no room for more
--
-- A cut says by how many joins each shard grew since the previous cut; every front derives the places from it
-- (core/line/cut.c). The first front to ask makes it: cuts are numbered, each number is used once, and a front's
-- readings of the shards are checked here, in one step with the writing. So any front may make cuts and none leads; a
-- front may die in the middle of making a cut, and may ask twice.
--
-- Each cut lets a shard give more numbers: up to its lease, which exceeds the cut by twice the numbers of two cuts, but
-- by LEASE_MIN to LEASE_MAX. All numbers that a shard had given when it was lost are below its lease, no matter who
-- knows of them. A seal ends its epoch there: all numbers from the last cut up to the lease become their own cut, a
-- hole, and the shard's next epoch begins after it (shard.lua). Epoch 0 is that of a shard that was never opened, with
-- nothing to lose.
--
-- Everything else in this slot counts in places, and `seq` follows the cuts in the same step: issued places are those
-- that cuts give. A hole is skipped like the places that heal.lua skips: they are away until a visitor shows up. If
-- heal.lua has raised `seq`, for cuts that nobody may remember, a gap is added before any other cut: places of no
-- shard, which no later cut gives again. Leases rise by the same amount.
--
-- Each cut has a checksum over it and all before it. A front sends the checksum of all its cuts, and of those before
-- the first one that it sends. So a front with other cuts, because it was cut off while some were lost, is detected
-- before it adds any.
--
-- Many fronts wait for the next cut, and one of them is enough to read the shards: the first to ask in a slot has to
-- (`due`), as one tick in a slot does the work for all. A slot begins with that, and with each cut. If that front dies,
-- the next slot has another.
--
-- `cuts` is a stream of all of them; the id is the number of the cut. `cutting` has their state: boot, until_ms,
-- shards, count, places, sum, due_ms, and for each shard `K` = "epoch:upto:lease:opening". If `boot` is not this
-- Redis's, cuts may be lost. Then for CUTS_WINDOW_MS fronts send the last ones that they know, and nothing else is
-- done. An epoch that a shard reports is accepted, unless it was sealed after other cuts (shared/opening.lua). Leases
-- rise to the highest that any shard may have got: LEASE_MAX above the known cuts, plus each gap. So issued numbers
-- stay below, however often that happens.

local cfg = cfg_read(cfg_cut.names)
local refused = refusal(cfg[cfg_cut.boot])
if refused then
    return refused
end

local cutting, cuts, seq = prefix .. KEY.cutting, prefix .. KEY.cuts, prefix .. KEY.seq
local issued = tonumber(call('GET', seq)) or 0
local shards = tonumber(ARGV[ask_cut.shards])
local saved = {}
local flat = call('HGETALL', cutting)
for i = 1, #flat, 2 do
    saved[flat[i]] = flat[i + 1]
end
if shards < 1 or shards > SHARDS_MAX or (saved.shards and tonumber(saved.shards) ~= shards) then
    return { CONFLICT, 0, 0, 0, {}, {} }
end

local count, places, sum = tonumber(saved.count) or 0, tonumber(saved.places) or 0, tonumber(saved.sum) or 0
local shard = {}
for k = 0, shards - 1 do
    local epoch, upto, lease, opening = string.match(saved[tostring(k)] or '', '^(%d+):(%d+):(%d+):(.*)$')
    shard[k] = {
        epoch = tonumber(epoch) or 0, upto = tonumber(upto) or 0, lease = tonumber(lease) or 0, opening = opening or '',
    }
end

local until_ms = tonumber(saved.until_ms) or 0
local changed = false
if saved.boot ~= ARGV[1] then
    -- Nothing can be lost before anybody may join, nor before the first cut of a line that was never healed, since no
    -- shard of it was opened. (heal.lua raises `seq`, however little was known.)
    local is_new = not saved.shards and issued == 0
    until_ms = tonumber(cfg[cfg_cut.state]) >= PRE_QUEUE and not is_new and now_ms + CUTS_WINDOW_MS or 0
    for k = 0, shards - 1 do
        shard[k].lease = until_ms > 0 and math.max(shard[k].lease, shard[k].upto + LEASE_MAX) or shard[k].lease
    end
    changed = true
end

-- ---- another cut ----

local KINDS = { c = 0, h = 1, g = 2 } -- as enum cut_kind

local written = {} -- texts of this call's cuts

local function write_cut(kind, grown)
    local words, joins = {}, 0
    sum = (sum * SUM_BASE + 1 + KINDS[kind]) % SUM_PRIME
    for k = 0, shards - 1 do
        local n = grown[k] or 0
        words[k + 1] = n > 0 and string.format('%d', n) or ''
        joins = joins + n
        shard[k].upto = shard[k].upto + (kind == 'g' and 0 or n)
        sum = (sum * SUM_BASE + n) % SUM_PRIME
    end
    count, places, changed = count + 1, places + joins, true
    written[count] = '1' .. kind .. table.concat(words, ',')
    call('XADD', cuts, count .. '-0', 'c', written[count], 's', string.format('%d', sum))
end

-- Twice what two cuts like this take, shrinking slowly after a burst.
local function extend_lease(of, window, grown)
    window = math.max(LEASE_MIN, math.min(LEASE_MAX, math.max(4 * grown, math.floor(window * 7 / 8))))
    of.lease = math.max(of.lease, of.upto + window)
end

local function has_room(joins)
    return count < CUTS_MAX and places + joins <= PLACE_MAX
end

-- heal.lua has skipped places. The lost cuts may have given all of them to one shard. False: no room.
local function catch_up()
    local size = issued - places
    if size <= 0 then
        return true
    elseif not has_room(size) then
        return false
    end
    write_cut('g', { [0] = size })
    for k = 0, shards - 1 do
        shard[k].lease = shard[k].lease + size
    end
    return true
end

-- ---- a front's cuts ----

local function parse_cut(text)
    local kind, list = string.match(text, '^1([chg])([%d,]*)$')
    local grown, k = {}, 0
    for n in string.gmatch((list or '') .. ',', '(%d*),') do
        grown[k] = tonumber(n) or 0
        k = k + 1
    end
    return kind, grown, k == shards
end

local known_cuts = tonumber(ARGV[ask_cut.known])

local function entry_of(nth)
    local there = call('XRANGE', cuts, nth .. '-0', nth .. '-0')[1]
    return there and there[2] or {}
end

-- Compares the checksum of the first `nth` cuts, which must exist.
local function has_sum(nth, sent)
    if nth == 0 or nth == count then
        return tonumber(sent) == (nth > 0 and sum or 0)
    end
    return entry_of(nth)[4] == sent
end

local function bring_back()
    local first, sent = tonumber(ARGV[ask_cut.first]), tonumber(ARGV[ask_cut.sent])
    if sent == 0 or first > count + 1 then
        return true
    elseif not has_sum(first - 1, ARGV[ask_cut.before]) then
        return false
    end
    for i = 0, sent - 1 do
        local text = ARGV[ask_cut.words + 1 + i]
        if first + i <= count then
            if entry_of(first + i)[2] ~= text then
                return false
            end
        else
            local kind, grown, fits = parse_cut(text)
            if not fits then
                return false
            end
            write_cut(kind, grown)
            for k = 0, shards - 1 do
                if kind == 'h' and grown[k] > 0 then -- an epoch ended here
                    shard[k].epoch, shard[k].opening = math.max(shard[k].epoch, 1) + 1, mark_of(sum)
                end
                local gap = kind == 'g' and grown[0] or 0
                shard[k].lease = math.max(shard[k].lease + gap, shard[k].upto + LEASE_MAX)
            end
        end
    end
    return true
end

local function has_these_cuts()
    return known_cuts > count or has_sum(known_cuts, ARGV[ask_cut.sum])
end

-- ---- the shards' readings ----

local words = ask_cut.words + 1 + tonumber(ARGV[ask_cut.sent])
local read = {}
for k = 0, shards - 1 do
    local at = words + 4 * k
    read[k] = {
        epoch = tonumber(ARGV[at]), issued = tonumber(ARGV[at + 1]), lease = tonumber(ARGV[at + 2]), opened = ARGV[at + 3],
    }
end

-- A hole of this shard's numbers up to this one. False: no room.
local function leave_hole(k, upto)
    local size = upto - shard[k].upto
    if not has_room(size) then
        return false
    elseif size > 0 then
        write_cut('h', { [k] = size })
        leave_out({ from = places - size + 1, upto = places }, tonumber(cfg[cfg_cut.state]), cfg[cfg_cut.entries])
    end
    return true
end

-- False for an epoch of other cuts, which are lost.
local function is_in_epoch(k)
    return read[k].epoch == shard[k].epoch and is_opened_by(shard[k].opening, read[k].opened)
end

-- A shard is in an epoch that no cut has: the seal was lost, and with it the numbers that nobody has. (Epoch 1 began
-- without a hole.) The same holds for a shard without numbers in any cut: all its cuts were lost, and visitors who had
-- places from them must not wait a second time.
local function believe_epochs()
    for k = 0, shards - 1 do
        local of, sent = shard[k], read[k]
        if (sent.epoch or 0) > of.epoch then
            local is_unknown = sent.epoch > math.max(of.epoch, 1) or of.upto == 0
            if is_unknown and sent.issued > of.upto and not leave_hole(k, sent.issued) then
                return false
            end
            of.epoch, of.opening, of.lease, changed = sent.epoch, sent.opened, math.max(of.lease, sent.lease), true
        elseif is_in_epoch(k) and sent.opened ~= '' and sent.opened ~= of.opening then
            of.opening, changed = sent.opened, true
        end
    end
    return true
end

-- A shard in an ended epoch, or one that has lost numbers, does not grow.
local function make_cut()
    local grown, joins = {}, 0
    for k = 0, shards - 1 do
        local of = shard[k]
        if of.epoch > 0 and is_in_epoch(k) then
            of.lease = math.max(of.lease, read[k].lease)
            grown[k] = math.max(0, math.min(read[k].issued, of.lease) - of.upto)
            joins = joins + grown[k]
        end
    end
    if joins == 0 then
        return SAME
    elseif not has_room(joins) then
        return FULL
    end
    local window = {}
    for k = 0, shards - 1 do
        window[k] = shard[k].lease - shard[k].upto
    end
    write_cut('c', grown)
    for k = 0, shards - 1 do
        extend_lease(shard[k], window[k], grown[k] or 0)
    end
    return OK
end

local function seal(k)
    local of = shard[k]
    if not of or of.epoch ~= tonumber(ARGV[ask_cut.seal_epoch]) then
        return SAME
    end
    local lease = math.max(of.lease, read[k].lease or 0, read[k].issued or 0)
    local first = lease > of.upto and 2 or 1 -- epoch 1 begins without a hole
    if not leave_hole(k, lease) then
        return FULL
    end
    of.epoch, of.lease, changed = math.max(of.epoch + 1, first), of.upto + LEASE_MIN, true
    of.opening = ARGV[ask_cut.opening] .. mark_of(sum)
    return OK
end

-- ---- reply ----

local outcome, is_next = SAME, tonumber(ARGV[ask_cut.nth]) == count + 1
if not has_these_cuts() or not bring_back() then
    outcome = CONFLICT
elseif now_ms < until_ms then
    outcome = HEAL
elseif not catch_up() or not believe_epochs() then
    outcome = FULL
elseif ARGV[ask_cut.seal] ~= '' then
    outcome = seal(tonumber(ARGV[ask_cut.seal]))
elseif is_next then
    outcome = make_cut()
end

local slot_ms, due = tonumber(ARGV[ask_cut.slot_ms]), 0
local due_ms = tonumber(saved.due_ms) or 0
if slot_ms > 0 and outcome ~= HEAL and now_ms - due_ms >= slot_ms then
    due = 1
end
if due == 1 or (outcome == OK and is_next) then
    due_ms = now_ms
end

local of_shards, to_save = {}, {}
for k = 0, shards - 1 do
    local of, at = shard[k], 4 * k
    of_shards[at + 1], of_shards[at + 2], of_shards[at + 3], of_shards[at + 4] = of.epoch, of.upto, of.lease, of.opening
    if changed then
        to_save[2 * k + 1] = k
        to_save[2 * k + 2] = string.format('%d:%d:%d:%s', of.epoch, of.upto, of.lease, of.opening)
    end
end
if changed then
    call('HSET', cutting, 'boot', ARGV[1], 'until_ms', string.format('%d', until_ms), 'shards', shards, 'count', count,
        'places', places, 'sum', string.format('%d', sum), 'due_ms', string.format('%d', due_ms), unpack(to_save))
elseif due == 1 then
    call('HSET', cutting, 'due_ms', string.format('%d', due_ms))
end
if places > issued then
    call('SET', seq, places)
end
local new_cuts = {}
if written[known_cuts + 1] then
    for nth = known_cuts + 1, count do
        new_cuts[nth - known_cuts] = written[nth]
    end
elseif known_cuts < count then
    for i, entry in ipairs(call('XRANGE', cuts, (known_cuts + 1) .. '-0', '+', 'COUNT', CUTS_REPLY)) do
        new_cuts[i] = entry[2][2]
    end
end
return { outcome, count, math.max(0, until_ms - now_ms), due, of_shards, new_cuts }
