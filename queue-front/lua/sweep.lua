-- sweep.lua: takes away what an event leaves behind once it is over, a bite at a time: of a closed one
-- all that only its visitors had a use for (`sweep`), of a deleted one everything (`erase`).
--
-- It is asked ask_sweep and answers tell_sweep of wire.list; WRONG_STATE: the event is neither closed nor
-- deleted, and is not touched. The run id is not compared: it makes no difference here.
--
-- A shard (shard.lua) is swept as an event is, and erased (`shard`) before its event is: it is told that the event is
-- closed, and never that it is deleted. One that gave no number is erased in any state: it may be a draft's.
--
-- Each bite is bounded by BITE keys and frees them in the background, and may be taken twice: whoever
-- finds a sweep unfinished starts over. A deleted event's `cfg` goes last, and until then nothing can
-- be created under its id; then `erased` stands for some seconds for those fronts whose calls were
-- under way, so that heal.lua does not bring back what they remember.
--
-- What goes by itself and is left alone: there:EPOCH:PAGE and code:CODE, which expire.

local BITE = 1024 -- a millisecond of Redis at most, if all are there
local ERASED_MS = 5000

local RECORDS = { 'seq', 'serving', 'bucket', 'told', 'series', 'audit', 'coded', 'cuts', 'cutting' }
local AUDIT_KEPT = 100 -- of an archived event: who closed, archived and changed it since

local what, at = ARGV[ask_sweep.what], tonumber(ARGV[ask_sweep.at])
local cfg = call('HMGET', CFG, cfg_sweep.names)
local entry = cfg[cfg_sweep.deleted] or ''

local function told(outcome, where)
    return {
        [tell_sweep.outcome] = outcome, [tell_sweep.at] = where, [tell_sweep.audit] = entry,
        [tell_sweep.shards] = tonumber(cfg[cfg_sweep.shards]) or 0,
    }
end

local function has_given_none()
    return what == 'shard' and tonumber(call('GET', prefix .. 'seq') or 0) == 0
end

if what == 'erase' and not cfg[cfg_sweep.deleted] or
    what ~= 'erase' and tonumber(cfg[cfg_sweep.state]) ~= CLOSED and not has_given_none() then
    return told(WRONG_STATE, 0)
end

local function unlink(names)
    each_line(function()
        for _, name in ipairs(names) do
            call('UNLINK', prefix .. name)
        end
    end)
end

local has_codes = call('HEXISTS', CFG, 'codes') == 1

-- How many buckets of idempotency keys a line of this length has on all its levels together, of an event of before
-- there was one hash for them (shared/idem.lua).
local function buckets_of(issued)
    local all, of_level, full = 4 ^ IDEM_DIGITS, 4 ^ IDEM_DIGITS, IDEM_LEVEL_FULL
    while issued >= full do
        of_level, full = of_level * 4, full * 4
        all = all + of_level
    end
    if cfg[cfg_sweep.one_idem] then
        return 0
    end
    return (issued > 0 or has_codes) and all or 0 -- claim.lua may have noted a code before there was a place
end

local function bucket_name(number)
    local digits, of_level = IDEM_DIGITS, 4 ^ IDEM_DIGITS
    while number >= of_level do
        number, digits, of_level = number - of_level, digits + 1, of_level * 4
    end
    local name = {}
    for i = digits, 1, -1 do
        name[i] = number % 4
        number = math.floor(number / 4)
    end
    return table.concat(name)
end

-- The lines' buckets one behind the other; answers where to go on, 0 at the end.
local function unlink_buckets(from)
    local left, next = from, 0
    each_line(function()
        local all = buckets_of(tonumber(call('GET', prefix .. 'seq')) or 0)
        if left >= all then
            left = left - all
        elseif left >= 0 then
            local names = {}
            for number = left, math.min(left + BITE, all) - 1 do
                names[#names + 1] = prefix .. 'idem:' .. bucket_name(number)
            end
            call('UNLINK', unpack(names))
            next, left = from + #names, -1
        end
    end)
    return next
end

local function begin()
    local minute = tonumber(call('HGET', root .. 'bucket', 'minute') or call('HGET', CFG, 'minute')) or 0
    for old = minute, minute + 1 do
        call('UNLINK', root .. 'ip:' .. old)
    end
    for old = minute - WORK_MINUTES - 1, minute + 1 do
        call('UNLINK', root .. 'work:' .. old)
    end
    unlink_visitors()
    unlink({ 'heal', 'idem' })
end

local function keep_little()
    call('HDEL', CFG, 'undo_version', 'undo_state')
    for _, name in ipairs({ 'doc', knobs.names }) do
        call('HDEL', CFG, 'undo:' .. name)
    end
    if cfg[cfg_sweep.archived] == cfg[cfg_sweep.version] then
        unlink({ 'series', 'told' })
        call('XTRIM', root .. 'audit', 'MAXLEN', AUDIT_KEPT)
    end
end

local function erase_rest()
    unlink(RECORDS)
    call('SET', root .. 'erased', 1, 'PX', ERASED_MS)
    local cfgs = {}
    each_line(function() cfgs[#cfgs + 1] = prefix .. 'cfg' end)
    call('UNLINK', unpack(cfgs)) -- last: each_line() reads it
end

-- `at` counts from 1, which is the first bucket.
if at == 0 then
    begin()
    return told(OK, 1)
end
local next = unlink_buckets(at - 1)
if next > 0 then
    return told(OK, next + 1)
elseif what == 'erase' then
    erase_rest()
elseif what == 'shard' then
    unlink({ 'seq', 'cfg' })
else
    keep_little()
end
return told(OK, 0)
