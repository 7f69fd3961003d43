-- shard.lua: one shard of a line that is kept in several: opened, told its lease, asked how far it is.
--
-- It is asked ask_shard and answers tell_shard:
--   OK        it gives numbers, up to its lease
--   HEAL      it may have lost numbers, or was never opened: its epoch is to be sealed (cut.lua), with `opening`
--   CONFLICT  it is in a later epoch than this front knows: look at the cuts
--   RENEWED   there is a newer event of this id
--
-- A shard is `fg:{EVENT:k}:`, of a lane `fg:{EVENT:k}:@1:`, a slot of its own, and gives its joins the numbers 1, 2, 3, ... by join.lua, as a line
-- gives places. It must never give a number twice, whatever it has lost, and it cannot know that it has lost any.
-- So it has a lease, a number beyond which it gives none, which fronts tell it out of the cuts; `boot`, the run of
-- Redis in which it was opened; and an epoch. A run that begins anew, with whatever data, gives nothing before the epoch
-- was ended at its lease by a seal that all fronts see; the next begins behind that. So what the lost run gave
-- out, or what a master that is cut off still gives out, is never given again.
--
-- An epoch is opened once, and known by what opened it: where cuts were lost, and a seal with them, another may have its
-- number. What `opening` says is made up by the shard when it has to be sealed, goes into the seal,
-- and opens it for the epoch that begins there. A shard that lost even that (an older copy of itself, keys that were
-- deleted) has another one or none, and is sealed once more.
--
-- How many may wait is judged by the cuts, and each shard gets its share of the room that is left with each
-- reading: join.lua says LINE_FULL beyond it, and the front tries again as long as the cuts leave any.
--
-- Rules that joins are judged by are the event's, and lie in its own slot; a shard has a copy of what join.lua reads
-- of them, the newest that any front told. Its clock is the event's as the front tells it.

local UNOPENED_MS = 3600000 -- of an event that is deleted, nobody opens it any more
local RAISED_PART = 8 -- a lease is raised by no less than this part of what is left of it: each time is a write

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

-- From here on nobody gets a number of it, whatever they have seen.
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

-- Of what that front has seen, or of what cuts have given places to.
local function is_behind()
    return issued < math.max(tonumber(ARGV[ask_shard.issued]), tonumber(ARGV[ask_shard.upto]))
end

local function is_another_epoch()
    return not is_opened_by(ARGV[ask_shard.opening], opened)
end

-- The other lines of this shard are older than the event, too; but one that was never opened is being sealed.
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
    -- `wide` is too long for a list: Redis keeps such a hash as a table, in which each join finds its fields at once.
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

-- Joins and work are counted by the minute, and nobody ticks here.
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
