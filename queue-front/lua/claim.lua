-- claim.lua: claims the one-time things of joins of a sharded line before they get their numbers.
--
-- A join is numbered in the shard that its key hashes to. Another key, perhaps in another shard, may use the same
-- one-time thing; so that is claimed first in the slot of its own name: work, an invitation or an address in one of the
-- shards, a presale code in the event's slot, where the codes are. The result goes with the join to its shard
-- (join.lua, 'refused'): a visitor who has a number keeps it.
--
-- Arguments ask_claim, then four words per claim: kind, the join's key, and
--   'work'        minute of its issue, name
--   'invitation'  its key, ''       -- from a member
--   'address'     address, ''
--   'code'        keyed digest, address
--   'invitation-back', its key, when;  'code-back', keyed digest, when
--                 -- it opened no place; when: 'always', or 'alone': unless a second join has claimed the same
--   'address-back' address, ''     -- it opened no place, and no second join has claimed the same in this minute
--   'opened'      place, channel    -- this one did: what its code opens, for its pass
-- Returns reply_claim, then two words per claim: OK, SAME (claimed earlier by this key), LIMITED, or the reason for no
-- place, as in join.lua; and the channel that a code opens.
--
-- A claim stays with its key. So any front may repeat the join if a reply was lost or a front died in between; and the
-- claims of a join that got no place serve the next join with the same key. Invitations and uses of codes are returned,
-- since others need them. Of a join that got no place: but not if a second join with the same key has claimed the same,
-- for that may have a place. Of a join that found an earlier number which this claim did not open: always, since this
-- key gets no other number. An address is counted once per minute and key, for a key that gets a number.

local cfg = cfg_read(cfg_claim.names)
local refused = refusal(cfg[cfg_claim.boot])
if refused then
    return refused
end
local minute = math.floor(now_ms / 60000)
local ip_key = root .. KEY.ip .. minute
local per_ip = tonumber(cfg[cfg_claim.joins_per_ip_per_min]) or 0
local codes = ARGV[ask_claim.of_codes] ~= '0' and codes_made()

-- Below 0, as join.lua marks an invitation that is not the key itself: a number for this member's key.
local function number_of(key)
    local number = 1
    for i = 1, 6 do
        number = number * 256 + string.byte(key, i)
    end
    return string.format('%d', -number)
end

local function kept(key)
    return keys_read({ key })[1]
end

-- The first bytes distinguish it among other keys.
local function field_of(key)
    return sub(key, 1, KEY_FIELD_BYTES)
end

local SHARED = '+' -- after a claim's value: a second join with the same key has claimed it

-- Whether a claim of this value, stored as `stored`, may be returned.
local function is_returned(stored, value, when)
    return stored == value or (when == 'always' and stored == value .. SHARED)
end

local claims = {}

function claims.work(key, given_out, name)
    local all = root .. KEY.work .. given_out
    if work_is_over(given_out, minute) then
        return WORK_SPENT
    elseif call('HSETNX', all, name, field_of(key)) == 1 then
        return OK
    end
    return call('HGET', all, name) == field_of(key) and SAME or WORK_SPENT
end

function claims.invitation(key, name)
    local mine, old = number_of(key), kept(name)
    if not old then
        keys_write({ name, mine })
        return OK
    end
    if old ~= mine and old ~= mine .. SHARED then
        return INVITATION_SPENT
    end
    keys_write({ name, mine .. SHARED })
    return SAME
end

claims['invitation-back'] = function(key, name, when)
    if is_returned(kept(name), number_of(key), when) then
        call('HDEL', idem, name)
    end
    return OK
end

function claims.address(key, address)
    local counted = 'k:' .. field_of(key)
    if per_ip == 0 then
        return OK
    elseif call('HSETNX', ip_key, counted, '1') == 0 then
        call('HSET', ip_key, counted, SHARED)
        return SAME
    elseif call('HINCRBY', ip_key, address, '1') > per_ip then
        call('HDEL', ip_key, counted)
        call('HINCRBY', ip_key, address, '-1') -- other counts may be returned
        return LIMITED
    end
    return OK
end

claims['address-back'] = function(key, address)
    local counted = 'k:' .. field_of(key)
    if call('HGET', ip_key, counted) == '1' then
        call('HDEL', ip_key, counted)
        call('HINCRBY', ip_key, address, '-1')
    end
    return OK
end

-- Keys of joins are stored nowhere else in the event's slot.
function claims.code(key, digest, address)
    local mine = kept(key)
    if mine then
        mine = sub(mine, 1, #digest)
        keys_write({ key, mine .. SHARED })
        local code = codes.read(mine)
        return SAME, code and code.channel
    end
    local why_not, code = codes.look_at(digest, address)
    if why_not then
        return why_not
    end
    keys_write({ key, digest })
    codes.count(code, 1)
    return OK, code.channel
end

claims['code-back'] = function(key, digest, when)
    local code = is_returned(kept(key), digest, when) and codes.read(digest)
    if code then
        call('HDEL', idem, key)
        codes.count(code, -1)
    end
    return OK
end

function claims.opened(_, place, channel)
    call('HSET', prefix .. KEY.opened, place, channel)
    return OK
end

local reply = { OK, (minute + 1) * 60000 - now_ms } -- reply_claim
for at = ask_claim.words + 1, #ARGV, 4 do
    local verdict, channel = claims[ARGV[at]](ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    reply[#reply + 1] = verdict
    reply[#reply + 1] = channel or ''
end
if per_ip > 0 then
    call('PEXPIRE', ip_key, ADDRESSES_MS)
end
return reply
