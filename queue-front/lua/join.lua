-- join.lua: gives places to the joins of one event in one turn of one front.
--
-- It is asked ask_join; behind it stand three words for each join
--   idem bucket, idem field, address     ('' where there is none)
-- and then, in the order of the joins, four for each thing that is good for one place: index of the join that
-- shows it, and
--   'work', minute in which it was given out, name    or    'invitation', idem bucket, idem field    or
--   'code', keyed digest of a presale code, address: it comes last of its join
--   'refused', what to answer, '': of a shard, if the join has no number yet (claim.lua has found why it gets none)
-- It answers tell_join, or {outcome, state}; CONFLICT: the document is another one by now, judge them by that.
--   Joins take first, first + 1, ... in their order, except those that follow: at 0-based index, a place
--   that was given before, or 0 for one over the limit of its address, or WORK_SPENT or INVITATION_SPENT
--   for one that shows what another place was given for; or why its code opens nothing here:
--   CODE_UNKNOWN, CODE_USED_UP, CODE_GUESSES (too many from its address were none), CODE_MISSING (Redis has
--   lost the event's codes), or CODE_OF_LANE + n, it opens lane n, where the front asks next. Or LINE_FULL.
--   Or LEASE_OUT, of a shard: come again after the next cut.
--
-- The fewest inner calls decide what a join costs: one HSETNX when it carries an idempotency key,
-- one HINCRBY when addresses are limited, nothing else; the rest is paid once a call. HSETNX comes
-- first because a repeated join must not count against its address. (What is written is text: a number Redis
-- would print as a float first, up to a tenth of what such a join costs it.)
--
-- What a join has to show (work, membership, an invitation) is judged by the front, and by the
-- document that it has. Any change of a knob or a state makes another version of it; so nobody gets a
-- place by rules that were over when the place was given.
--
-- Work is used up by the place that it was shown for, in whatever lane; an invitation by the member
-- that shows it. A join without a key is known by its work: the same again is the same place.
--
-- Whether the line is full is judged with the place, by those who wait just then: who has left, who is a ghost
-- and what a heal left out do not count. Whoever has a place already finds it, and a join that is turned away
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
local issued = tonumber(call('GET', prefix .. 'seq')) or 0
if issued < tonumber(ARGV[ask_join.issued]) then
    return { HEAL }
end
local count = tonumber(ARGV[ask_join.joins])
if issued + count > PLACE_MAX then
    return { LIMITED, state, 0, 60000 }
end

idem_level_of(issued)

-- ---- what is good for one place ----

local spend_at = ask_join.words + 1 + 3 * count
local spend_left = tonumber(ARGV[ask_join.shown])

local minute = math.floor(now_ms / 60000)
local ip_key = root .. 'ip:' .. minute
local code -- of this join, to be used up by its place
local spend, use_code -- made only where something is shown: few calls bring any

if spend_left > 0 then
    local function spend_work(key, field, place, named)
        if call('HSETNX', key, field, session_of(place)) == 1 then
            return nil
        end
        local spent_for = tonumber(call('HGET', key, field)) - session_of(0)
        local in_this_lane = spent_for > 0 and spent_for <= PLACE_MAX
        return not named and in_this_lane and spent_for or WORK_SPENT
    end

    -- Negative: by a member, whose key is another. Else the invitation is the key of the place.
    local function spend_invitation(bucket, field, place)
        local spent_for = earlier_place(bucket, field, -place)
        return spent_for and (spent_for > 0 and spent_for or INVITATION_SPENT)
    end

    local codes

    local function look_at_code(digest, address)
        codes = codes or codes_made()
        local why_not
        why_not, code = codes.look_at(digest, address)
        return why_not
    end

    function use_code(place)
        codes.count(code, 1)
        if code.channel ~= '' then
            call('HSET', prefix .. 'opened', place, code.channel)
        end
    end

    -- Uses up the next thing shown for this place and notes in `used` what that wrote; nil: it was
    -- unused, else what to answer.
    function spend(place, named, used)
        local a, b = ARGV[spend_at + 2], ARGV[spend_at + 3]
        local key, answer
        if ARGV[spend_at + 1] == 'refused' then
            return tonumber(a)
        elseif ARGV[spend_at + 1] == 'code' then
            return look_at_code(a, b)
        elseif ARGV[spend_at + 1] == 'work' then
            key = root .. 'work:' .. a
            answer = spend_work(key, b, place, named)
        else
            key = idem_prefix .. string.sub(a, 1, IDEM_DIGITS + level)
            answer = spend_invitation(a, b, place)
        end
        if not answer then
            used[#used + 1] = { key, b }
        end
        return answer
    end
end

-- No place for this join: what it wrote on the way goes.
local function take_back(bucket, field, used)
    if field ~= '' then
        call('HDEL', idem_prefix .. string.sub(bucket, 1, IDEM_DIGITS + level), field)
    end
    for _, one in ipairs(used or {}) do
        call('HDEL', one[1], one[2])
    end
end

-- ---- the joins, one by one ----

-- How many more may wait.
local function room()
    local line_max = tonumber(cfg[cfg_join.line_max]) or 0
    if line_max == 0 then
        return count
    end
    local away = call('HMGET', prefix .. 'bucket', 'left_n', 'ghosts_n', 'gap_pending')
    local waiting = issued - (tonumber(call('GET', prefix .. 'serving')) or 0) -
        (tonumber(away[1]) or 0) - (tonumber(away[2]) or 0)
    if (tonumber(away[3]) or 0) > 0 then -- before a draw they are no ghosts yet
        for from, upto in string.gmatch(call('GET', prefix .. 'gaps') or '', '(%d+):(%d+)') do
            waiting = waiting - (upto - from + 1)
        end
    end
    return line_max - waiting
end

-- A shard gives numbers up to its lease and not one more, and is told where the line is full (shard.lua); a line
-- that is not in shards has neither.
local full_from = tonumber(cfg[cfg_join.full_from]) or issued + room()
local lease = tonumber(cfg[cfg_join.lease]) or PLACE_MAX
local give_upto = math.min(full_from, lease)
local per_ip = tonumber(cfg[cfg_join.joins_per_ip_per_min])
local last = issued
local reply = { OK, state, issued + 1, (minute + 1) * 60000 - now_ms } -- tell_join

for i = 0, count - 1 do
    local at = ask_join.words + 1 + 3 * i
    local bucket, field, address = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local old, used = nil, nil
    code = nil
    if field ~= '' then
        old = earlier_place(bucket, field, last + 1)
    end
    local fresh = not old
    if old and old < 0 then
        old = INVITATION_SPENT
    end
    while spend_left > 0 and tonumber(ARGV[spend_at]) == i do
        if not old then
            used = used or {}
            old = spend(last + 1, field ~= '', used)
        end
        spend_at, spend_left = spend_at + 4, spend_left - 1
    end
    if not old and last >= give_upto then
        old = last >= full_from and LINE_FULL or LEASE_OUT
    end
    if not old and per_ip > 0 and address ~= '' and
        call('HINCRBY', ip_key, address, '1') > per_ip then
        old = 0
    end
    if old then
        if fresh then
            take_back(bucket, field, used)
        end
        reply[#reply + 1] = i
        reply[#reply + 1] = old
    else
        last = last + 1
        if code then
            use_code(last)
        end
    end
end

if last > issued then
    call('SET', prefix .. 'seq', last)
end
return reply
