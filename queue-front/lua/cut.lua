-- cut.lua: the cuts of a line that is kept in shards: made, told, brought back.
--
-- It is asked ask_cut and answers tell_cut:
--   OK    the cut was made, or the shard sealed
--   SAME  it was not: there is a cut of this number, that epoch is over, or nobody has joined
--   HEAL  come again: cuts may be lost, and fronts are telling those they know, for retry_ms more
--   CONFLICT  this front tells other cuts than there are, or another number of shards: it must not go by its own
--   FULL  a line has no room for more
--
-- A cut says by how many joins each shard grew since the cut before; places follow from it on every front
-- (core/line/cut.c). Whoever asks first makes it: cuts have numbers, one of a number is never followed by another of
-- that number, and what a front has read of the shards is judged here, in one step with the writing. So any front may
-- make cuts and none leads, a front may die with a cut half asked for, and ask for it twice.
--
-- With each cut a shard may give more numbers: up to its lease, which lies behind the cut by twice what it gave in two
-- cuts, LEASE_MIN at least. What a shard had given when it was lost lies below its lease, whoever was told of it. A
-- seal ends its epoch there: all from the last cut up to the lease become a cut of their own, a hole, and the shard's
-- next epoch begins behind that (shard.lua). Epoch 0 is that of a shard that was never opened, with nothing to lose.
--
-- `cuts` is a stream of all of them, the number of a cut is its id. `cutting` is where they have come to: boot,
-- until_ms, shards, count, places, and for each shard `K` = "epoch:upto:lease:opening". Another `boot` than this Redis's:
-- cuts may be lost. Then for CUTS_WINDOW_MS fronts tell the last that they know, and nothing else is done; leases rise
-- by what a cut that nobody knows any more may have given, and an epoch that a shard tells of is believed.

local cfg = cfg_read(cfg_cut.names)
local refused = refusal(cfg[cfg_cut.boot])
if refused then
    return refused
end

local cutting, cuts = prefix .. 'cutting', prefix .. 'cuts'
local shards = tonumber(ARGV[ask_cut.shards])
local saved = {}
local flat = call('HGETALL', cutting)
for i = 1, #flat, 2 do
    saved[flat[i]] = flat[i + 1]
end
if shards < 1 or shards > SHARDS_MAX or (saved.shards and tonumber(saved.shards) ~= shards) then
    return { CONFLICT, 0, 0, {}, {} }
end

local count, places = tonumber(saved.count) or 0, tonumber(saved.places) or 0
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
    -- Before anybody may join nothing can be lost.
    until_ms = tonumber(cfg[cfg_cut.state]) >= PRE_QUEUE and now_ms + CUTS_WINDOW_MS or 0
    for k = 0, shards - 1 do
        shard[k].lease = shard[k].lease + (until_ms > 0 and LEASE_MAX or 0)
    end
    changed = true
end

-- ---- one more cut ----

local function write_cut(kind, grown)
    local words, joins = {}, 0
    for k = 0, shards - 1 do
        local n = grown[k] or 0
        words[k + 1] = n > 0 and string.format('%d', n) or ''
        joins = joins + n
        shard[k].upto = shard[k].upto + n
    end
    count, places, changed = count + 1, places + joins, true
    call('XADD', cuts, count .. '-0', 'c', '1' .. kind .. table.concat(words, ','))
end

-- Twice what two cuts like this take, and slowly less after a burst.
local function extend_lease(of, window, grown)
    window = math.max(LEASE_MIN, math.min(LEASE_MAX, math.max(4 * grown, math.floor(window * 7 / 8))))
    of.lease = math.max(of.lease, of.upto + window)
end

local function has_room(joins)
    return count < CUTS_MAX and places + joins <= PLACE_MAX
end

-- ---- what a front knows ----

local function parse_cut(text)
    local kind, list = string.match(text, '^1([ch])([%d,]*)$')
    local grown, k = {}, 0
    for n in string.gmatch((list or '') .. ',', '(%d*),') do
        grown[k] = tonumber(n) or 0
        k = k + 1
    end
    return kind, grown, k == shards
end

local function bring_back()
    local first = tonumber(ARGV[ask_cut.first])
    for i = 0, tonumber(ARGV[ask_cut.told]) - 1 do
        local text = ARGV[ask_cut.words + 1 + i]
        if first + i <= count then
            local there = call('XRANGE', cuts, (first + i) .. '-0', (first + i) .. '-0')[1]
            if not there or there[2][2] ~= text then
                return false
            end
        elseif first + i == count + 1 then
            local kind, grown, fits = parse_cut(text)
            if not fits then
                return false
            end
            write_cut(kind, grown)
            for k = 0, shards - 1 do
                shard[k].lease = math.max(shard[k].lease, shard[k].upto + LEASE_MAX)
            end
        end
    end
    return true
end

-- ---- what shards have told ----

local words = ask_cut.words + 1 + tonumber(ARGV[ask_cut.told])
local read = {}
for k = 0, shards - 1 do
    local at = words + 3 * k
    read[k] = { epoch = tonumber(ARGV[at]), issued = tonumber(ARGV[at + 1]), lease = tonumber(ARGV[at + 2]) }
end

local function believe_epochs()
    for k = 0, shards - 1 do
        if (read[k].epoch or 0) > shard[k].epoch then
            shard[k].epoch, shard[k].opening, changed = read[k].epoch, '', true
        end
    end
end

-- A shard of an epoch that is over, or one that has lost some, grows by nothing.
local function make_cut()
    local grown, joins = {}, 0
    for k = 0, shards - 1 do
        local of = shard[k]
        if of.epoch > 0 and read[k].epoch == of.epoch then
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
    if not has_room(lease - of.upto) then
        return FULL
    end
    if lease > of.upto then
        write_cut('h', { [k] = lease - of.upto })
    end
    of.epoch, of.opening, of.lease, changed = of.epoch + 1, ARGV[ask_cut.opening], of.upto + LEASE_MIN, true
    return OK
end

-- ---- answer ----

local outcome = SAME
believe_epochs()
if not bring_back() then
    outcome = CONFLICT
elseif now_ms < until_ms then
    outcome = HEAL
elseif ARGV[ask_cut.seal] ~= '' then
    outcome = seal(tonumber(ARGV[ask_cut.seal]))
elseif tonumber(ARGV[ask_cut.nth]) == count + 1 then
    outcome = make_cut()
end

local of_shards, to_save = {}, {}
for k = 0, shards - 1 do
    local of = shard[k]
    for _, word in ipairs({ of.epoch, of.upto, of.lease, of.opening }) do
        of_shards[#of_shards + 1] = word
    end
    to_save[#to_save + 1] = tostring(k)
    to_save[#to_save + 1] = string.format('%d:%d:%d:%s', of.epoch, of.upto, of.lease, of.opening)
end
if changed then
    call('HSET', cutting, 'boot', ARGV[1], 'until_ms', string.format('%d', until_ms), 'shards', shards, 'count', count,
        'places', places, unpack(to_save))
end
local known_cuts, new_cuts = tonumber(ARGV[ask_cut.known]), {}
if known_cuts < count then
    for i, entry in ipairs(call('XRANGE', cuts, (known_cuts + 1) .. '-0', '+', 'COUNT', CUTS_REPLY)) do
        new_cuts[i] = entry[2][2]
    end
end
return { outcome, count, math.max(0, until_ms - now_ms), of_shards, new_cuts }
