-- join.lua: gives places to the joins of one event in one turn of one front.
--
-- Arguments ask_join; then, in the order of the joins, four words per one-time thing: 0-based index of its join, and
--   'over', the key's place, if it is this one, has ended, '': the join gets another; first of its join
--   'work', minute of its issue, name    or    'invitation', its key, ''    or
--   'code', keyed digest of a presale code, address: last of its join
--   'claimed', name of a claim, its word: on a shard, what claim.lua has claimed for this join; the word is returned
--   after an earlier number that this claim did not open: INVITATION_LEFT or CODE_LEFT
--   'refused', the outcome, '': on a shard, if the join has no number yet (claim.lua found why it gets none);
--   after a code: the place already held, if the code opens no other lane
-- Returns reply_join, or {outcome, state}; CONFLICT: the document has changed; check the joins against the new one.
--   Joins take first, first + 1, ... in order, except the pairs that follow: 0-based index, and an earlier
--   place, or 0 for one over the limit of its address, or WORK_SPENT or INVITATION_SPENT if another place
--   has used it; or why its code opens nothing here:
--   CODE_UNKNOWN, CODE_USED_UP, CODE_GUESSES (too many from its address were invalid), CODE_MISSING (Redis has
--   lost the event's codes), or CODE_OF_LANE + n: it opens lane n, where the front asks next. Or LINE_FULL.
--   Or LEASE_OUT, on a shard: retry after the next cut. After an earlier number: the same index, and the word of each
--   claim that this join does not need.
--
-- The number of inner calls determines the cost of a join. One call looks up the keys of all joins and another writes
-- them, and the same holds for everything else that a call needs once. Beyond that a join costs one HINCRBY if
-- addresses are limited, and the one-time things of the few joins that have any. Nothing is written for a join before
-- it is certain to get a place. (Values are written as text: Redis would print a number as a float first, which takes
-- up to a tenth of a join.)
--
-- The front checks a join's requirements (work, membership, an invitation) against its document. Any change of a knob
-- or a state makes another version of it; so nobody gets a place by outdated rules.
--
-- Work is used up by its place, in whatever lane; an invitation by its member. A join without a key is identified by
-- its work: the same work again is the same place. Work older than the record of used work counts as used
-- (shared/work.lua).
--
-- Whether the line is full is decided with the place, by the number of people waiting then: places given up, ghosts and
-- skipped places do not count. A visitor who has a place finds it, and a rejected join uses nothing up. Ghosts that
-- come back may exceed the limit; nobody is sent away for that.
--
-- A presale code is checked last, but before any address is counted, and a use is written together with its place. So
-- it is used as often as it opened a place; a repeated join finds its place by its key before that check. `opened` has
-- the channel that an entry's code opened, for its pass. Guesses are counted together with move.lua's.
--
-- A shard stores with each number what claims opened it ("12+claim"), and the key's ended numbers: these need no other
-- claims, and the front returns those (claim.lua). Each claimer gets one number here, so a returned claim opens nothing.
--
-- A crash in the middle leaves nothing behind: Redis writes a script's effects to its append-only file as one
-- transaction.

local cfg = cfg_read(cfg_join.names)
local refused = refusal(cfg[cfg_join.boot])
if refused then
    return refused
end
local state = tonumber(cfg[cfg_join.state])
local judged_by = ARGV[ask_join.judged_by]
if (tonumber(cfg[cfg_join.shards]) or 0) > 1 then
    return { CONFLICT, state } -- its shards give the numbers, but this front does not know that yet
end
if judged_by ~= '' and judged_by ~= cfg[cfg_join.version] .. '.' .. (cfg[cfg_join.era] or 0) then
    return { CONFLICT, state }
end
if state ~= OPEN and state ~= PAUSED and state ~= PRE_QUEUE and
    state ~= FROZEN then
    return { WRONG_STATE, state }
end
local issued = tonumber(call('GET', prefix .. KEY.seq)) or 0
if issued < tonumber(ARGV[ask_join.issued]) then
    return { HEAL }
end
local count = tonumber(ARGV[ask_join.joins])
if issued + count > PLACE_MAX then
    return { LIMITED, state, 0, 60000 }
end

-- ---- keys ----

local NO_KEY = string.rep('\0', KEY_BYTES)
local all_keys, keys = ARGV[ask_join.keys], {}
for i = 1, count do
    keys[i] = sub(all_keys, (i - 1) * KEY_BYTES + 1, i * KEY_BYTES)
end
local before = keys_read(keys)
local kept, to_keep, to_keep_len = {}, {}, 0 -- of this call
local format = string.format

-- ---- one-time things ----

local spend_at = ask_join.words + 1
local spend_left = tonumber(ARGV[ask_join.shown])

local minute = math.floor(now_ms / 60000)
local ip_key = root .. KEY.ip .. minute
local spend, use_up -- defined only if needed: few calls have any

if spend_left > 0 then
    local work, invitation

    local function look_at_work(minute_of, name, named)
        local key = root .. KEY.work .. minute_of
        local session = tonumber(call('HGET', key, name))
        if not session and work_is_over(minute_of, minute) then
            return WORK_SPENT
        elseif not session then
            work = { key, name }
            return nil
        end
        local spent_for = session - session_of(0)
        local in_this_lane = spent_for > 0 and spent_for <= PLACE_MAX
        return not named and in_this_lane and spent_for or WORK_SPENT
    end

    -- Below 0: from a member, whose key differs. Otherwise the invitation is the place's key.
    local function look_at_invitation(key)
        local spent_for = tonumber(kept[key] or keys_read({ key })[1])
        if not spent_for then
            invitation = key
            return nil
        end
        return spent_for > 0 and spent_for or INVITATION_SPENT
    end

    local codes, code

    local function look_at_code(digest, address)
        codes = codes or codes_made()
        local why_not
        why_not, code = codes.look_at(digest, address)
        return why_not
    end

    -- The outcome for the next one-time thing; nil: unused; used up with the place.
    function spend(named)
        local a, b = ARGV[spend_at + 2], ARGV[spend_at + 3]
        if ARGV[spend_at + 1] == 'refused' then
            return tonumber(a)
        elseif ARGV[spend_at + 1] == 'code' then
            return look_at_code(a, b)
        elseif ARGV[spend_at + 1] == 'work' then
            return look_at_work(a, b, named)
        end
        return look_at_invitation(a)
    end

    -- Uses up the things checked for this join; false: it gets no place.
    function use_up(place)
        if place and work then
            call('HSET', work[1], work[2], session_of(place))
        end
        if place and invitation then
            kept[invitation] = format('%d', -place)
            to_keep[to_keep_len + 1], to_keep[to_keep_len + 2] = invitation, kept[invitation]
            to_keep_len = to_keep_len + 2
        end
        if place and code then
            codes.count(code, 1)
            if code.channel ~= '' then
                call('HSET', prefix .. KEY.opened, place, code.channel)
            end
        end
        work, invitation, code = nil, nil, nil
    end
end

-- ---- the joins, one by one ----

-- A shard gives numbers up to its lease, and has its own number where the line is full (shard.lua); an unsharded line
-- has neither, and is full when the maximum is waiting.
local full_from = tonumber(cfg[cfg_join.full_from])
local line_max = tonumber(cfg[cfg_join.line_max]) or 0
if not full_from and line_max == 0 then
    full_from = issued + count
elseif not full_from then
    local away = call('HMGET', prefix .. KEY.bucket, 'left_n', 'ghosts_n', 'gap_pending')
    local waiting = issued - (tonumber(call('GET', prefix .. KEY.serving)) or 0) -
        (tonumber(away[1]) or 0) - (tonumber(away[2]) or 0)
    if (tonumber(away[3]) or 0) > 0 then -- before a draw they are not ghosts yet
        for from, upto in string.gmatch(call('GET', prefix .. KEY.gaps) or '', '(%d+):(%d+)') do
            waiting = waiting - (upto - from + 1)
        end
    end
    full_from = issued + line_max - waiting
end
local lease = tonumber(cfg[cfg_join.lease]) or PLACE_MAX
local give_upto = math.min(full_from, lease)
local addresses = ARGV[ask_join.addresses]
local per_ip = addresses ~= '' and tonumber(cfg[cfg_join.joins_per_ip_per_min]) or 0
local last = issued
local reply = { OK, state, issued + 1, (minute + 1) * 60000 - now_ms } -- reply_join

for i = 1, count do
    local key = keys[i]
    local stored, claimed, unneeded = kept[key] or before[i], '', nil
    local old = stored and tonumber(string.match(stored, '^%-?%d+'))
    if old then
        old = old > 0 and old or INVITATION_SPENT
    end
    while spend_left > 0 and tonumber(ARGV[spend_at]) == i - 1 do
        if ARGV[spend_at + 1] == 'over' then
            if old == tonumber(ARGV[spend_at + 2]) then
                old, claimed = nil, string.match(stored, '%+.*') or ''
            end
        elseif ARGV[spend_at + 1] == 'claimed' then
            local claim = '+' .. ARGV[spend_at + 2]
            claimed = claimed .. claim
            if old and old <= PLACE_MAX and not string.find(stored, claim, 1, true) then
                unneeded = unneeded or {}
                unneeded[#unneeded + 1] = tonumber(ARGV[spend_at + 3])
            end
        else
            old = old or spend(key ~= NO_KEY)
        end
        spend_at, spend_left = spend_at + 4, spend_left - 1
    end
    if not old and last >= give_upto then
        old = last >= full_from and LINE_FULL or LEASE_OUT
    end
    if not old and per_ip > 0 then
        local first, last_byte = (i - 1) * ADDRESS_BYTES + 1, i * ADDRESS_BYTES
        if sub(addresses, first, first + 3) == '\0\0\255\255' then -- IPv4, counted by its four bytes
            first = first + 4
        end
        old = call('HINCRBY', ip_key, sub(addresses, first, last_byte), '1') > per_ip and 0 or nil
    end
    if old then
        reply[#reply + 1] = i - 1
        reply[#reply + 1] = old
        for _, word in ipairs(unneeded or {}) do
            reply[#reply + 1] = i - 1
            reply[#reply + 1] = word
        end
    else
        last = last + 1
        if key ~= NO_KEY then
            local text = format('%d', last) .. claimed
            kept[key], to_keep[to_keep_len + 1], to_keep[to_keep_len + 2] = text, key, text
            to_keep_len = to_keep_len + 2
        end
    end
    if use_up then
        use_up(not old and last)
    end
end

if per_ip > 0 then
    call('PEXPIRE', ip_key, ADDRESSES_MS)
end
if to_keep_len > 0 then
    keys_write(to_keep)
end
if last > issued then
    call('SET', prefix .. KEY.seq, format('%d', last))
end
return reply
