-- join.lua: gives places to the joins of one event in one turn of one front.
--
-- It is asked ask_join; behind it stand, in the order of the joins, four words for each thing that is good for one
-- place: index of the join that shows it, from 0, and
--   'work', minute in which it was given out, name    or    'invitation', key of it, ''    or
--   'code', keyed digest of a presale code, address: it comes last of its join
--   'refused', what to answer, '': of a shard, if the join has no number yet (claim.lua has found why it gets none);
--   behind a code: the place that is held already, if the code opens no other lane
-- It answers tell_join, or {outcome, state}; CONFLICT: the document is another one by now, judge them by that.
--   Joins take first, first + 1, ... in their order, except those that follow: at 0-based index, a place
--   that was given before, or 0 for one over the limit of its address, or WORK_SPENT or INVITATION_SPENT
--   for one that shows what another place was given for; or why its code opens nothing here:
--   CODE_UNKNOWN, CODE_USED_UP, CODE_GUESSES (too many from its address were invalid), CODE_MISSING (Redis has
--   lost the event's codes), or CODE_OF_LANE + n, it opens lane n, where the front asks next. Or LINE_FULL.
--   Or LEASE_OUT, of a shard: come again after the next cut.
--
-- The fewest inner calls decide what a join costs. Keys are looked up by one call for all joins and written by another,
-- and so is whatever else a call needs once. Beyond that a join costs one HINCRBY when addresses are limited, and what
-- the few cost that show something. Nothing is written for a join before it is known that it gets a place. (What is
-- written is text: a number Redis would print as a float first, up to a tenth of what such a join costs it.)
--
-- What a join has to show (work, membership, an invitation) is judged by the front, and by the
-- document that it has. Any change of a knob or a state makes another version of it; so nobody gets a
-- place by rules that were over when the place was given.
--
-- Work is used up by the place that it was shown for, in whatever lane; an invitation by the member
-- that shows it. A join without a key is known by its work: the same again is the same place. Work that is older
-- than used work is kept counts as used (shared/work.lua).
--
-- Whether the line is full is judged with the place, by those who wait just then: those who have left, ghosts
-- and what a heal left out do not count. A visitor who has a place finds it, and a join that is turned away
-- uses nothing up. Ghosts that come back may make a line longer than it may be; nobody is sent away for that.
--
-- A presale code is looked at last and before any address is counted, and a use of it is written down
-- with the place that it opens and not earlier. So it is used as often as it opened a place; one that
-- is repeated finds its place by its key and does not come so far. `opened` has the channel that the
-- code of an entry opened, for its pass. Guesses are counted as those of move.lua are, and with them.
--
-- A crash in the middle leaves nothing behind: Redis writes a script's effects to its append-only
-- file as one transaction.

local cfg = cfg_read(cfg_join.names)
local refused = refusal(cfg[cfg_join.boot])
if refused then
    return refused
end
local state = tonumber(cfg[cfg_join.state])
local judged_by = ARGV[ask_join.judged_by]
if (tonumber(cfg[cfg_join.shards]) or 0) > 1 then
    return { CONFLICT, state } -- its shards give the numbers, and this front has yet to hear of them
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

-- ---- what is good for one place ----

local spend_at = ask_join.words + 1
local spend_left = tonumber(ARGV[ask_join.shown])

local minute = math.floor(now_ms / 60000)
local ip_key = root .. KEY.ip .. minute
local spend, use_up -- made only where something is shown: few calls bring any

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

    -- Below 0: by a member, whose key is another. Else the invitation is the key of the place.
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

    -- What to answer for the next thing shown; nil: it is unused, and used up with the place.
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

    -- What was looked at for this join, by its place; false: it gets none.
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

-- A shard gives numbers up to its lease and not one more, and knows where the line is full (shard.lua); a line
-- that is not in shards has neither, and is full when as many wait as may.
local full_from = tonumber(cfg[cfg_join.full_from])
local line_max = tonumber(cfg[cfg_join.line_max]) or 0
if not full_from and line_max == 0 then
    full_from = issued + count
elseif not full_from then
    local away = call('HMGET', prefix .. KEY.bucket, 'left_n', 'ghosts_n', 'gap_pending')
    local waiting = issued - (tonumber(call('GET', prefix .. KEY.serving)) or 0) -
        (tonumber(away[1]) or 0) - (tonumber(away[2]) or 0)
    if (tonumber(away[3]) or 0) > 0 then -- before a draw they are no ghosts yet
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
local reply = { OK, state, issued + 1, (minute + 1) * 60000 - now_ms } -- tell_join

for i = 1, count do
    local key = keys[i]
    local old = before[i] or kept[key]
    if old then
        old = tonumber(old)
        old = old > 0 and old or INVITATION_SPENT
    end
    while spend_left > 0 and tonumber(ARGV[spend_at]) == i - 1 do
        old = old or spend(key ~= NO_KEY)
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
    else
        last = last + 1
        if key ~= NO_KEY then
            local text = format('%d', last)
            kept[key], to_keep[to_keep_len + 1], to_keep[to_keep_len + 2] = text, key, text
            to_keep_len = to_keep_len + 2
        end
    end
    if use_up then
        use_up(not old and last)
    end
end

if to_keep_len > 0 then
    keys_write(to_keep)
end
if last > issued then
    call('SET', prefix .. KEY.seq, format('%d', last))
end
return reply
