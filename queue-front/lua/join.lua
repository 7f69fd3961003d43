-- join.lua: gives places to all who joined one event in one turn of one front.
--
-- ARGV: run id, highest place this front has seen issued, how many joins, version of the document
--   by which they were judged ('': none judged them), then for each of them
--   idem bucket, idem field, address     ('' where there is none)
-- Answer: {OK, state, first, retry_ms, index, place, index, place, ...}, or {outcome, state}; of those
--   CONFLICT: the document is another one by now, judge them by that
--   Joins take first, first + 1, ... in their order, except those listed: at 0-based `index`, a
--   place that was given before, or 0 for one over the limit of its address.
--
-- The fewest inner calls decide what a join costs: one HSETNX when it carries an idempotency key,
-- one HINCRBY when addresses are limited, nothing else; the rest is paid once a call. HSETNX comes
-- first because a repeated join must not count against its address.
--
-- What a join has to show (work, membership, an invitation) is judged by the front, and by the
-- document that it has. Any change of a knob or a state makes another version of it; so nobody gets a
-- place by rules that were over when the place was given.
--
-- A crash in the middle leaves nothing behind: Redis writes a script's effects to its append-only
-- file as one transaction.

local PLACE_MAX = 1073741824 -- LINE_PLACE_MAX of the fronts; a bitmap of so many places is 128 MB

local cfg = cfg_read('boot', 'state', 'joins_per_ip_per_min', 'version')
local refused = refusal(cfg[1])
if refused then
    return refused
end
local state = tonumber(cfg[2])
if ARGV[4] ~= '' and ARGV[4] ~= cfg[4] then
    return { CONFLICT, state }
end
if state ~= OPEN and state ~= PAUSED and state ~= PRE_QUEUE and
    state ~= FROZEN then
    return { WRONG_STATE, state }
end
local issued = tonumber(call('GET', prefix .. 'seq')) or 0
if issued < tonumber(ARGV[2]) then
    return { HEAL }
end
local count = tonumber(ARGV[3])
if issued + count > PLACE_MAX then
    return { LIMITED, state, 0, 60000 }
end

-- An idempotency bucket is a small hash, and small hashes are cheap only up to 128 entries. So the
-- number of buckets grows with the line, four times at each level; a bucket's name is as many
-- base-4 digits of the key's hash as its level has. Older levels keep what they hold, and are asked
-- first: one more call for each, which is why the first level lasts for so long.
local DIGITS = 8 -- 65,536 buckets, some 64 entries in each when the next level begins
local level, full = 0, 4194304
while issued >= full do
    level, full = level + 1, full * 4
end

local idem_prefix = prefix .. 'idem:'
local function earlier_place(bucket, field, place)
    for below = 0, level - 1 do
        local old = call('HGET', idem_prefix .. string.sub(bucket, 1, DIGITS + below), field)
        if old then
            return tonumber(old)
        end
    end
    local key = idem_prefix .. string.sub(bucket, 1, DIGITS + level)
    if call('HSETNX', key, field, place) == 0 then
        return tonumber(call('HGET', key, field))
    end
    return nil
end

local per_ip = tonumber(cfg[3])
local minute = math.floor(now_ms / 60000)
local ip_key = root .. 'ip:' .. minute
local last = issued
local reply = { OK, state, issued + 1, (minute + 1) * 60000 - now_ms }

for i = 0, count - 1 do
    local at = 5 + 3 * i
    local bucket, field, address = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local old = field ~= '' and earlier_place(bucket, field, last + 1)
    if not old and per_ip > 0 and address ~= '' and
        call('HINCRBY', ip_key, address, 1) > per_ip then
        if field ~= '' then
            call('HDEL', idem_prefix .. string.sub(bucket, 1, DIGITS + level), field)
        end
        old = 0
    end
    if old then
        reply[#reply + 1] = i
        reply[#reply + 1] = old
    else
        last = last + 1
    end
end

if last > issued then
    call('SET', prefix .. 'seq', last)
end
return reply
