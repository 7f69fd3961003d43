-- sweep.lua: removes the data of an ended event in two kinds of steps: of a closed one everything that only its
-- visitors needed (`sweep`), of a deleted one everything (`erase`).
--
-- Arguments ask_sweep, returns reply_sweep; WRONG_STATE: the event is neither closed nor deleted, and is not touched. The
-- run id is not compared: it makes no difference here.
--
-- A shard (shard.lua) is swept like an event, and erased (`shard`) before its event: it learns that the event is
-- closed, and never that it is deleted. A shard that gave no number is erased in any state: it may be a draft's.
--
-- Each step frees its keys in the background, and may be repeated: a front that finds a sweep unfinished starts over.
-- A deleted event's `cfg` goes last, and until then nothing can be created under its id; then `erased` stays for a
-- minute for fronts whose calls were under way, so that heal.lua does not restore what they remember, and with its
-- incarnation, so that the next event's is newer even if the clock was set back.
--
-- Left to expire: there:EPOCH:PAGE and code:CODE.

local ERASED_MS = 60000

local RECORDS = { KEY.seq, KEY.serving, KEY.bucket, KEY.told, KEY.series, KEY.audit, KEY.coded, KEY.cuts, KEY.cutting }
local AUDIT_KEPT = 100 -- of an archived event: who closed, archived and changed it since

local what, at = ARGV[ask_sweep.what], tonumber(ARGV[ask_sweep.at])
local cfg = call('HMGET', CFG, cfg_sweep.names)
local entry = cfg[cfg_sweep.deleted] or ''

local function reply(outcome, where)
    return {
        [reply_sweep.outcome] = outcome, [reply_sweep.at] = where, [reply_sweep.audit] = entry,
        [reply_sweep.shards] = tonumber(cfg[cfg_sweep.shards]) or 0,
    }
end

local function has_given_none()
    return what == 'shard' and tonumber(call('GET', prefix .. KEY.seq) or 0) == 0
end

if what == 'erase' and not cfg[cfg_sweep.deleted] or
    what ~= 'erase' and tonumber(cfg[cfg_sweep.state]) ~= CLOSED and not has_given_none() then
    return reply(WRONG_STATE, 0)
end

local function unlink(names)
    each_line(function()
        for _, name in ipairs(names) do
            call('UNLINK', prefix .. name)
        end
    end)
end

local function begin()
    local minute = tonumber(call('HGET', root .. KEY.bucket, 'minute') or call('HGET', CFG, 'minute')) or 0
    for old = minute, minute + 1 do
        call('UNLINK', root .. KEY.ip .. old)
    end
    for old = minute - WORK_MINUTES - 1, minute + 1 do
        call('UNLINK', root .. KEY.work .. old)
    end
    unlink_visitors()
    unlink({ KEY.heal, KEY.idem })
end

local function keep_little()
    call('HDEL', CFG, 'undo_version', 'undo_state')
    for _, name in ipairs({ 'doc', knobs.names }) do
        call('HDEL', CFG, 'undo:' .. name)
    end
    if cfg[cfg_sweep.archived] == cfg[cfg_sweep.version] then
        unlink({ KEY.series, KEY.told })
        call('XTRIM', root .. KEY.audit, 'MAXLEN', AUDIT_KEPT)
    end
end

local function erase_rest()
    unlink(RECORDS)
    call('SET', root .. KEY.erased, call('HGET', CFG, 'incarnation') or '', 'PX', ERASED_MS)
    local cfgs = {}
    each_line(function() cfgs[#cfgs + 1] = prefix .. KEY.cfg end)
    call('UNLINK', unpack(cfgs)) -- last: each_line() reads it
end

if at == 0 then
    begin()
    return reply(OK, 1)
end
if what == 'erase' then
    erase_rest()
elseif what == 'shard' then
    unlink({ KEY.seq, KEY.cfg })
else
    keep_little()
end
return reply(OK, 0)
