-- shard.lua: one shard of a sharded line: opens it, sets its lease, reports its state.
--
-- Arguments ask_shard, returns reply_shard:
--   OK        it gives numbers, up to its lease
--   HEAL      it may have lost numbers, or was never opened: its epoch has to be sealed (cut.lua), with `opening`
--   CONFLICT  it is in a later epoch than this front knows: read the cuts
--   RENEWED   there is a newer event with this id
--
-- A shard is `fg:{EVENT:k}:`, of a lane `fg:{EVENT:k}:@1:`, in its own slot, and join.lua gives its joins the numbers
-- 1, 2, 3, ... as it gives a line's places. It must never give a number twice, whatever it has lost, and it cannot know
-- that it has lost any. So it has a lease, a highest number, which fronts derive from the cuts; `boot`, the run of
-- Redis in which it was opened; and an epoch. A new run, with whatever data, gives nothing before a seal that all
-- fronts see has ended the epoch at its lease; the next one begins after it. So numbers that the lost run gave out, or
-- that a master that is cut off still gives out, are never given again.
--
-- An epoch is opened once, and identified by what opened it: if cuts were lost, and a seal with them, another epoch may
-- have its number. The shard creates `opening` when it has to be sealed; it goes into the seal, and opens the shard for
-- the epoch that begins there. A shard that has lost even that (an older copy of itself, deleted keys) has another one
-- or none, and is sealed once more.
--
-- The cuts decide how many may wait, and each shard gets its part of the remaining room with each reading: beyond it
-- join.lua returns LINE_FULL, and the front retries as long as the cuts leave any room.
--
-- The rules for joins are the event's, in its own slot; a shard has a copy of the fields that join.lua reads, the
-- newest that any front sent. Its clock is the event's, as sent by the front.

local UNOPENED_MS = 3600000 -- then no front can open a deleted event any longer
local RAISED_PART = 8 -- a lease is raised by at least this part of the remainder: each raise is a write

local cfg = cfg_read(cfg_shard.names)
if known and incarnation > known then
    return { RENEWED }
end
local of_older_event = known ~= nil and incarnation < known
local epoch = not of_older_event and tonumber(cfg[cfg_shard.epoch]) or 0
local lease = tonumber(cfg[cfg_shard.lease]) or 0
local issued = tonumber(call('GET', prefix .. KEY.seq)) or 0
local opening, opened = cfg[cfg_shard.opening] or '', cfg[cfg_shard.opened] or ''
local asked_epoch, asked_lease = tonumber(ARGV[ask_shard.epoch]), tonumber(ARGV[ask_shard.lease])

-- From here on it gives no numbers, whatever fronts have seen.
local function ask_for_seal()
    if string.sub(opening, 1, #ARGV[1] + 1) ~= ARGV[1] .. '@' then
        opening = string.format('%s@%d', ARGV[1], redis_us)
    end
    call('HSET', KEYS[1], 'boot', '', 'opening', opening)
    if epoch == 0 then
        call('PEXPIRE', KEYS[1], UNOPENED_MS)
    end
    return { HEAL, epoch, issued, lease, opening, opened }
end

-- Behind that front's highest number, or behind numbers that cuts have placed.
local function is_behind()
    return issued < math.max(tonumber(ARGV[ask_shard.issued]), tonumber(ARGV[ask_shard.upto]))
end

local function is_another_epoch()
    return not is_opened_by(ARGV[ask_shard.opening], opened)
end

-- The shard's other lines are older than the event, too; but one that was never opened is being sealed.
local function forget_lines()
    local own = prefix
    each_line(function()
        local was_opened = call('HGET', prefix .. KEY.cfg, 'epoch')
        if prefix ~= own and was_opened and lane == 0 then
            call('HDEL', CFG, 'boot', 'epoch', 'lease', 'opening', 'opened', 'full_from')
        elseif prefix ~= own and was_opened then
            call('UNLINK', prefix .. KEY.cfg)
        end
        if prefix ~= own then
            call('UNLINK', prefix .. KEY.seq)
        end
    end)
end

local function open()
    local upto = tonumber(ARGV[ask_shard.upto])
    if opening ~= word_of(ARGV[ask_shard.opening]) or string.sub(opening, 1, #ARGV[1] + 1) ~= ARGV[1] .. '@' or
        (issued > upto and not of_older_event) then
        return false
    end
    if of_older_event then
        forget_lines()
    end
    epoch, lease, issued, opened = asked_epoch, asked_lease, upto, ARGV[ask_shard.opening]
    call('SET', prefix .. KEY.seq, issued)
    -- `wide` is too long for a listpack: Redis then stores the hash as a table, in which joins find fields at once.
    call('HSET', KEYS[1], 'boot', ARGV[1], 'epoch', epoch, 'lease', lease, 'opened', opened, 'wide', string.rep('-', 65))
    call('HDEL', KEYS[1], 'opening')
    call('PERSIST', KEYS[1])
    if known then
        call('HSET', CFG, 'incarnation', known)
    end
    return true
end

if epoch > asked_epoch then
    return { CONFLICT, epoch, issued, lease, '', opened }
elseif epoch < asked_epoch then
    if not open() then
        return ask_for_seal()
    end
elseif epoch == 0 or cfg[cfg_shard.boot] ~= ARGV[1] or is_behind() or is_another_epoch() then
    return ask_for_seal()
elseif asked_lease > lease and RAISED_PART * (asked_lease - lease) >= asked_lease - issued then
    lease = asked_lease
    call('HSET', KEYS[1], 'lease', lease)
end

local step_ms = clock_step_ms()
if step_ms ~= 0 then
    call('HSET', CFG, 'clock_off_us', string.format('%d', off_us - 1000 * step_ms))
end

-- Joins and work are counted by the minute, and a shard has no ticks.
local minute = math.floor((now_ms - step_ms) / 60000)
local counted = tonumber(cfg[cfg_shard.minute]) or 0
local closed = tonumber(ARGV[ask_shard.state]) == CLOSED
if counted ~= minute or closed then
    if counted > 0 then
        forget_minutes(counted, closed and minute + 1 or minute)
    end
    call('HSET', CFG, 'minute', minute)
end

local full_from = ARGV[ask_shard.full_from]
if full_from ~= (cfg[cfg_shard.full_from] or '') then
    call('HSET', KEYS[1], 'full_from', full_from)
end

local version, era = tonumber(ARGV[ask_shard.version]), tonumber(ARGV[ask_shard.era])
local has_version, has_era = tonumber(cfg[cfg_shard.version]) or 0, tonumber(cfg[cfg_shard.era]) or 0
if of_older_event or era > has_era or (era == has_era and version > has_version) then
    call('HSET', CFG, 'version', version, 'era', era, 'state', ARGV[ask_shard.state], 'joins_per_ip_per_min',
        ARGV[ask_shard.joins_per_ip_per_min], 'shares', ARGV[ask_shard.shares])
end
return { OK, epoch, issued, lease, '', opened }
