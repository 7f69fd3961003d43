-- codes.lua: an operator loads presale codes, counts them, or drops all of them.
--
-- Arguments ask_codes: `put` followed by the codes, `count`, or `drop`; returns reply_change and, after OK,
-- reply_codes and a reply_group for each.
--   EXHAUSTED: more codes or groups than an event may have; nothing was written
--
-- `codes_lost` in cfg is the number of codes when Redis lost them (heal.lua, admin.lua); once there are as
-- many again, or the operator drops the rest, none counts as missing.
--
-- `codes` maps each digest to "lane:uses:used:channel"; join.lua counts `used`. A code that is loaded again
-- gets the new lane, channel and uses, and keeps its use count. Codes of one lane and channel are a group;
-- `coded` has the sums of each, so that counting does not read the codes. The field `codes` in the event's cfg
-- says that there are any: without it passes skip the lookup.

local CODES_MAX = 100000 -- some 10 MB

local cfg = cfg_read(cfg_codes.names)
local state, version = tonumber(cfg[cfg_codes.state]) or DRAFT, tonumber(cfg[cfg_codes.version]) or 0
if not cfg[cfg_codes.version] then
    return { UNKNOWN, state, version }
elseif cfg[cfg_codes.deleted] then
    return { GONE, state, version }
end
local refused = refusal(cfg[cfg_codes.boot])
if refused then
    return refused
end

local sums = {}
local groups = 0
local flat = call('HGETALL', root .. KEY.coded)
for i = 1, #flat, 2 do
    local codes, uses, used = string.match(flat[i + 1], '^(%d+):(%d+):(%d+)$')
    sums[flat[i]] = { tonumber(codes), tonumber(uses), tonumber(used) }
    groups = groups + 1
end

local function add(group, sign, uses, used)
    local sum = sums[group]
    if not sum then
        sum = { 0, 0, 0 }
        sums[group], groups = sum, groups + 1
    end
    sum[1], sum[2], sum[3] = sum[1] + sign, sum[2] + sign * uses, sum[3] + sign * used
end

local function put()
    local of, channel, uses = ARGV[ask_codes.lane], ARGV[ask_codes.channel], tonumber(ARGV[ask_codes.uses])
    local group = of .. ':' .. channel
    local digests, seen = {}, {}
    for i = ask_codes.words + 1, #ARGV do
        if not seen[ARGV[i]] then
            seen[ARGV[i]] = true
            digests[#digests + 1] = ARGV[i]
        end
    end
    local before, fields, fresh = call('HMGET', root .. KEY.codes, unpack(digests)), {}, 0
    for i, digest in ipairs(digests) do
        local of_lane, old_uses, used, old_channel =
            string.match(before[i] or '', '^(%d+):(%d+):(%d+):(.*)$')
        if of_lane then
            add(of_lane .. ':' .. old_channel, -1, tonumber(old_uses), tonumber(used))
        else
            fresh = fresh + 1
        end
        used = tonumber(used) or 0
        add(group, 1, uses, used)
        fields[2 * i - 1] = digest
        fields[2 * i] = of .. ':' .. uses .. ':' .. used .. ':' .. channel
    end
    if groups > GROUPS_MAX or call('HLEN', root .. KEY.codes) + fresh > CODES_MAX then
        return EXHAUSTED, 0
    end
    call('HSET', root .. KEY.codes, unpack(fields))
    for name, sum in pairs(sums) do
        if sum[1] > 0 then
            call('HSET', root .. KEY.coded, name, sum[1] .. ':' .. sum[2] .. ':' .. sum[3])
        else
            call('HDEL', root .. KEY.coded, name)
            sums[name] = nil
        end
    end
    call('HSET', CFG, 'codes', 1)
    if call('HLEN', root .. KEY.codes) >= (tonumber(call('HGET', CFG, 'codes_lost')) or 0) then
        call('HDEL', CFG, 'codes_lost')
    end
    audit(ARGV[ask_codes.audit], version)
    return OK, fresh
end

local outcome, added = OK, 0
if ARGV[ask_codes.call] ~= 'count' and state == CLOSED then
    return { WRONG_STATE, state, version }
elseif ARGV[ask_codes.call] == 'put' then
    outcome, added = put()
elseif ARGV[ask_codes.call] == 'drop' then
    call('UNLINK', root .. KEY.codes, root .. KEY.coded)
    call('HDEL', CFG, 'codes_lost')
    sums = {}
    audit(ARGV[ask_codes.audit], version)
end
local reply = { outcome, state, version }
if outcome == OK then
    reply[#reply + 1] = added
    for name, sum in pairs(sums) do
        local of_lane, channel = string.match(name, '^(%d+):(.*)$')
        for _, value in ipairs({ tonumber(of_lane), channel, sum[1], sum[2], sum[3] }) do
            reply[#reply + 1] = value
        end
    end
end
return reply
