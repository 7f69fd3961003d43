-- visit.lua: a visitor's calls for a place: pass, heartbeat, end, done (the order is through), leave,
--   extend (the call); and look, its outcome.
--
-- Arguments ask_visit, returns reply_visit. If pass or extend is refused, the turn is ENDED or DONE, the outcome of the
-- visit, or NO_TURN: there was none. The same holds if a heartbeat is GONE, and for end, done and leave, which end the
-- visit or find it ended. CONFLICT: the front does not know of the draw yet, so the place is wrong.
--
-- Bitmaps hold the outcome of a place: `called` it entered, `gone` it was given up before that, `ended` its session was
-- closed by end, done or leave, `done` its order is through. No place has both `called` and `gone`, so a stretch's
-- no-shows are its size less the bits of both. A place that entered, is not active and did not end has lost its session
-- to the clock. If Redis has lost the bits, the calling front may know more (`turn`).
--
-- Another one, `skipped`, has the bits of ghosts: called without a token, because they gave no sign of life for long.
-- One that comes back pays for itself, waits for that at the door (`back` distinguishes it from those who have paid),
-- and counts as called from then on.
--
-- A call may be extended, EXTENSIONS_MAX times by call_ttl each: `kept` has the end, and the number of extensions. It
-- costs nobody anything: no slot and no token is reserved for it, and the line goes on. A visitor who comes in the
-- added time pays a token and waits at the door like all late visitors, ahead of everybody who was not called.
--
-- Called visitors who find no slot (or, being late, no token) wait at the door: `door` orders them by place, `knock`
-- has the last retry of each. As long as one retries, the call does not expire, and each front learns so in time. A
-- free slot goes to the door, in its order, before anybody else.

-- A member may be in several lanes and is inside once: `members` has the session of each who has entered, and a living
-- one blocks their other places until it ends. If Redis has lost a visit that comes again, two may live: one is noted,
-- the other by its next heartbeat after that one has ended.

local RETRY_MS = 1000 -- when a visitor at the door should retry
local DOOR_KEPT_MS = 60000 -- how far ahead the call of a visitor at the door is extended

local place, member = tonumber(ARGV[ask_visit.place]), ARGV[ask_visit.member]
local ask = ARGV[ask_visit.call]
local session = session_of(place)
local cfg = cfg_read(cfg_visit.names)
local counters = call('MGET', prefix .. KEY.seq, prefix .. KEY.serving)
local issued, serving = tonumber(counters[1]) or 0, tonumber(counters[2]) or 0
-- A verified ticket proves that its place was issued, whatever the counter says.
local refused = refusal(cfg[cfg_visit.boot])
if refused then
    return refused
elseif serving < tonumber(ARGV[ask_visit.serving]) or place > issued then
    return { HEAL }
end
local state = tonumber(cfg[cfg_visit.state])
local function reply(outcome, expires_ms, ends_ms, retry_ms, turn, channel, moves)
    return {
        [reply_visit.outcome] = outcome,
        [reply_visit.state] = state,
        [reply_visit.expires_ms] = expires_ms or 0,
        [reply_visit.ends_ms] = ends_ms or 0,
        [reply_visit.retry_ms] = retry_ms or 0,
        [reply_visit.turn] = turn or NO_TURN,
        [reply_visit.channel] = channel or '',
        [reply_visit.moves] = moves or 0,
    }
end

if (cfg[cfg_visit.entries] or '') ~= ARGV[ask_visit.drawn] then
    return reply(CONFLICT)
end
local session_ttl_ms = tonumber(cfg[cfg_visit.session_ttl_ms])
local session_max_ms = tonumber(cfg[cfg_visit.session_max_ms])
visits_set(cfg[cfg_visit.visits_stood_ms], cfg[cfg_visit.visits_halted_ms])
local visit_ms = now_ms - behind_ms -- the clock of sessions

local bucket = bucket_read('nano', 'dues', 'called_n', 'came_n', 'left_n', 'settled', 'dead',
    'admitted', 'phantoms', 'doubted', 'phantom_until_ms', 'early_n', 'moves_seq', 'ghosts_n', 'away_seq', 'stood_ms',
    'healed_came')

local entry, shown_moves = ARGV[ask_visit.entry], tonumber(ARGV[ask_visit.moves])
local moves = shown_moves
if entry ~= '' and (bucket.moves_seq > 0 or moves > 0) then
    moves = moves_known(entry, shown_moves)
end
if moves > shown_moves and ask ~= 'look' then
    return reply(MOVED)
end

local function answer(outcome, expires_ms, ends_ms, retry_ms, turn)
    bucket_write(bucket)
    local channel
    if cfg[cfg_visit.codes] and ask == 'pass' and (outcome == OK or outcome == SAME) then
        channel = call('HGET', prefix .. KEY.opened, entry)
    end
    return reply(outcome, expires_ms, ends_ms, retry_ms, turn, channel)
end

-- For a session, whose times are on the visit clock; the reply's are on the event's.
local function answer_visit(outcome, expires_ms, ends_ms)
    return answer(outcome, expires_ms + behind_ms, ends_ms + behind_ms)
end

local function has(name)
    return call('GETBIT', prefix .. name, place) == 1
end

-- Whether this place's member is inside with another place; then, whether this one is noted for them.
local function is_inside()
    local noted = member ~= '' and tonumber(call('HGET', root .. KEY.members, member))
    if not noted or noted == session then
        return false, noted == session
    end
    return (tonumber(call('ZSCORE', root .. KEY.active, noted)) or 0) > visit_ms
end

local function note_member()
    if member == '' then
        return
    end
    local elsewhere, noted = is_inside()
    if not elsewhere and not noted then
        call('HSET', root .. KEY.members, member, session, session, member)
    end
end

-- It lasts until `shown_ms` at least, if that was promised.
local function session_start(ends_ms, shown_ms)
    local expires_ms = math.min(math.max(visit_ms + session_ttl_ms, shown_ms or 0), ends_ms)
    call('ZADD', root .. KEY.active, expires_ms, session)
    call('HSET', root .. KEY.ends, session, ends_ms)
    call('SETBIT', prefix .. KEY.called, place, 1)
    note_member()
    return answer_visit(OK, expires_ms, ends_ms)
end

local function session_close()
    call('ZREM', root .. KEY.active, session)
    call('HDEL', root .. KEY.ends, session)
    forget_member(session)
end

local function leave_door()
    call('ZREM', prefix .. KEY.door, place)
    call('ZREM', prefix .. KEY.knock, place)
    call('ZREM', prefix .. KEY.back, place)
end

local expires_ms = tonumber(call('ZSCORE', root .. KEY.active, session))
if expires_ms and expires_ms <= visit_ms then
    session_close()
    turn_log(lane, place, ENDED)
    expires_ms = nil
end

-- The front knows that the visit has ended, and Redis may have lost that. Its session is not one of those that Redis
-- has lost, so it must not free or take a slot of theirs. A visit that was ended, other than by time, never begins
-- again, and an older Redis's record of it ends as well. A completed order may be all that Redis lost.
local known_turn = tonumber(ARGV[ask_visit.turn])
local known_ended = ARGV[ask_visit.ended] == '1'
local known_done = known_ended and known_turn == DONE
local known_over = known_ended or (not expires_ms and known_turn ~= NO_TURN and known_turn ~= GIVEN_UP)

local function over(done)
    call('SETBIT', prefix .. KEY.ended, place, 1)
    if done then
        call('SETBIT', prefix .. KEY.done, place, 1)
    end
    turn_log(lane, place, done and DONE or ENDED, 0, 1)
end

local function remember_visit()
    if not known_over or state == PRE_QUEUE or place > serving or has(KEY.gone) then
        return
    end
    if not has(KEY.called) then
        call('SETBIT', prefix .. KEY.called, place, 1)
        if place > bucket.settled then
            call_came(bucket, true)
        end
    end
    if (known_ended and not has(KEY.ended)) or (known_done and not has(KEY.done)) then
        session_close()
        expires_ms = nil
        over(known_done)
    end
end

-- The outcome of a place that entered.
local function became()
    return has(KEY.done) and DONE or ENDED
end

-- ---- pass ----

-- When the call of this place expired; 0: too long ago to be known.
local function call_ends_ms()
    if place <= bucket.dead then
        return 0
    end
    local stretch = call('ZRANGEBYSCORE', prefix .. KEY.hist, place, '+inf', 'LIMIT', 0, 1)
    return stretch[1] and tonumber(string.match(stretch[1], '%d+$')) or 0
end

-- Until when the call lasts, and its number of extensions. If Redis has lost them the front may know them, and then all
-- fronts are informed again.
local function kept()
    local until_ms, times = kept_read(call('ZSCORE', prefix .. KEY.kept, place), bucket.stood_ms)
    local shown_ms, shown_times = tonumber(ARGV[ask_visit.kept_ms]), tonumber(ARGV[ask_visit.times])
    if shown_ms > 0 and shown_times >= times then
        times = shown_times
        if shown_ms + bucket.stood_ms > until_ms then
            until_ms = shown_ms + bucket.stood_ms
            kept_write(place, until_ms, times, bucket.stood_ms)
        end
    end
    return math.max(call_ends_ms(), until_ms), times
end

local function wait_at_door()
    call('ZADD', prefix .. KEY.door, place, place)
    call('ZADD', prefix .. KEY.knock, now_ms, place)
    if has(KEY.skipped) then
        call('ZADD', prefix .. KEY.back, place, place)
    end
    local ends_ms, times = kept()
    local grace_ms = tonumber(cfg[cfg_visit.grace_ms])
    if ends_ms + grace_ms < now_ms + DOOR_KEPT_MS / 2 then
        kept_write(place, now_ms + DOOR_KEPT_MS - grace_ms, times, bucket.stood_ms)
    end
    return answer(NOT_YET, 0, 0, RETRY_MS)
end

-- Whether a slot is free that no lower place waits for. For a place that owes no token, those that do are ignored: they
-- may owe it for long, and the slot would stay empty.
local function has_slot(owes)
    local max_active = tonumber(cfg[cfg_visit.max_active])
    if max_active == 0 then
        return true
    end
    end_expired_sessions()
    local active = call('ZCARD', root .. KEY.active) + phantoms_of(bucket)
    local ahead = call('ZCOUNT', prefix .. KEY.door, '-inf', '(' .. place)
    if not owes then
        local late_n = call('ZCOUNT', prefix .. KEY.door, '-inf', bucket.settled) +
            call('ZCOUNT', prefix .. KEY.back, '(' .. bucket.settled, '(' .. place)
        ahead = math.max(0, ahead - math.max(0, late_n - bucket.dues))
    end
    return max_active - active > ahead
end

-- A call pays its token when it is made. A visitor who comes after the call has expired pays another: from the door's
-- reserve, else from the bucket.
local function pay_late()
    if bucket.dues >= 1 then
        bucket.dues = bucket.dues - 1
    elseif bucket.nano >= TOKEN then
        bucket.nano = bucket.nano - TOKEN
    else
        return false
    end
    return true
end

local function ms_until_called()
    local rate_milli = math.max(1, tonumber(cfg[cfg_visit.rate_milli]))
    local wait_ms = (place - serving) * 1000000 / rate_milli
    return math.floor(math.min(math.max(wait_ms, RETRY_MS), 30000))
end

-- A visitor who calls is present, even if too early.
local function come_back()
    local page = math.floor(place / PAGE)
    if bucket.ghosts_n > 0 and call('SETBIT', away_key(page), place % PAGE, 0) == 1 then
        bucket.ghosts_n = bucket.ghosts_n - 1
        away_touch(bucket, page)
    end
end

-- The reply to a visitor who is not called, or no longer.
local function not_called()
    if has(KEY.gone) then
        return answer(GONE)
    elseif has(KEY.called) then
        return answer(has(KEY.ended) and GONE or EXPIRED, 0, 0, 0, became())
    elseif state ~= OPEN and state ~= PAUSED then
        return answer(WRONG_STATE)
    elseif place > serving then
        come_back()
        return answer(NOT_YET, 0, 0, ms_until_called())
    end
end

local function pass()
    if expires_ms then
        local ends_ms = tonumber(call('HGET', root .. KEY.ends, session)) or expires_ms
        return answer_visit(SAME, expires_ms, ends_ms)
    end
    local refused = not_called()
    if refused then
        return refused
    end

    local late = place <= bucket.settled
    if late and not call('ZSCORE', prefix .. KEY.door, place) then
        local ran_out_ms = kept()
        if now_ms > ran_out_ms + tonumber(cfg[cfg_visit.grace_ms]) then
            return answer(EXPIRED, ran_out_ms)
        end
    end
    if is_inside() then
        return answer(MEMBER_INSIDE, 0, 0, RETRY_MS)
    end
    local ghost = has(KEY.skipped)
    local owes = late or ghost
    if not has_slot(owes) or (owes and not pay_late()) then
        return wait_at_door()
    end
    leave_door()
    bucket.admitted = bucket.admitted + 1
    if ghost then
        call('SETBIT', prefix .. KEY.skipped, place, 0)
        bucket.called_n = bucket.called_n + (late and 0 or 1)
    end
    if not late then
        call_came(bucket, false)
    end
    return session_start(visit_ms + session_max_ms)
end

-- ---- extend, heartbeat, end, leave ----

local function extend()
    if expires_ms then
        return answer(INSIDE)
    end
    local refused = not_called()
    if refused then
        return refused
    end
    local ends_ms, times = kept()
    if now_ms > ends_ms + tonumber(cfg[cfg_visit.grace_ms]) and not call('ZSCORE', prefix .. KEY.door, place) then
        return answer(EXPIRED, ends_ms)
    elseif times >= EXTENSIONS_MAX then
        return answer(EXHAUSTED, ends_ms)
    end
    local until_ms = math.max(ends_ms, now_ms) + tonumber(cfg[cfg_visit.call_ttl_ms])
    kept_write(place, until_ms, times + 1, bucket.stood_ms)
    return answer(OK, until_ms, 0, 0, times + 1)
end

-- A visit that began after the archive of this restored event was written: their number is unknown.
local function is_of_before()
    return (tonumber(call('HGET', root .. KEY.bucket, 'restored_until_ms')) or 0) > now_ms
end

-- Whether Redis may have lost the session of a pass. A place that entered as far as Redis knows had one, which is there
-- or has ended.
local function is_lost()
    local phantoms, doubted = lost_of(bucket)
    return not known_over and (phantoms > 0 or (not has(KEY.called) and (doubted > 0 or is_of_before())))
end

-- Redis lost this session, or its extension; its signed pass did not. It takes its own slot back, if that is reserved,
-- otherwise an additional one: the promise counts.
local function come_again(shown_ms, lost)
    local ends_ms = tonumber(ARGV[ask_visit.ends_ms])
    ends_ms = ends_ms > 0 and ends_ms - behind_ms or visit_ms + session_max_ms
    if ends_ms <= visit_ms then
        return answer(EXPIRED)
    end
    if lost then
        lost_back(bucket)
    end
    turn_log(lane, place, 0)
    if place > bucket.settled and place <= serving and not has(KEY.called) then
        call_came(bucket, true)
    end
    return session_start(ends_ms, shown_ms)
end

local function heartbeat()
    local shown_ms = tonumber(ARGV[ask_visit.shown_ms]) - behind_ms
    if expires_ms then
        local ends_ms = tonumber(call('HGET', root .. KEY.ends, session)) or expires_ms
        -- Never shorter than promised, even if session_ttl was lowered meanwhile, or Redis lost the promise.
        local until_ms = math.max(expires_ms, math.min(math.max(visit_ms + session_ttl_ms, shown_ms), ends_ms))
        call('ZADD', root .. KEY.active, until_ms, session)
        note_member()
        return answer_visit(OK, until_ms, ends_ms)
    elseif has(KEY.ended) or has(KEY.gone) then
        return answer(GONE, 0, 0, 0, has(KEY.ended) and became())
    end
    -- A visit lasts as long as any of its passes. If it is over earlier, Redis has lost something.
    local lost = is_lost()
    if lost or shown_ms > visit_ms then
        return come_again(shown_ms, lost)
    end
    return answer(EXPIRED)
end

local function log_given_up()
    if entry ~= '' then
        turn_log(lane, entry, GIVEN_UP)
    end
end

-- Gives up a place that has not entered. Called or not, it will not be waited for.
local function give_up()
    if entry ~= '' and bucket.early_n > 0 and call('SREM', prefix .. KEY.early, entry) == 1 then
        -- Counted before the draw, by its entry; nothing is left for tick/early.lua.
        bucket.early_n, bucket.left_n = bucket.early_n - 1, bucket.left_n - 1
    end
    call('SETBIT', prefix .. KEY.gone, place, 1)
    log_given_up()
    if place > serving then
        bucket.left_n = bucket.left_n + 1
        if away_left(bucket, place) then
            bucket.ghosts_n = bucket.ghosts_n - 1
        end
    else
        if call('SETBIT', prefix .. KEY.skipped, place, 0) == 0 and place > bucket.settled then
            call_given_up(bucket)
        end
        leave_door()
    end
    return answer(OK)
end

-- Before the draw there are only entries; tick.lua computes positions for those given up.
local function give_up_entry()
    if call('SADD', prefix .. KEY.early, place) == 0 then
        return answer(SAME)
    end
    log_given_up()
    bucket.early_n = bucket.early_n + 1
    bucket.left_n = bucket.left_n + 1
    return answer(OK)
end

local function finish()
    if state == PRE_QUEUE then
        return give_up_entry()
    end
    local done = ask == 'done'
    if has(KEY.gone) or (has(KEY.ended) and not (done and not has(KEY.done))) then
        return answer(SAME, 0, 0, 0, has(KEY.ended) and became())
    elseif expires_ms or has(KEY.called) then
        session_close()
        over(done)
        return answer(OK, 0, 0, 0, became())
    elseif ask ~= 'leave' and is_lost() then
        -- An order that completed after Redis lost its session.
        lost_back(bucket)
        if place > bucket.settled and place <= serving then
            call_came(bucket, true)
        end
        call('SETBIT', prefix .. KEY.called, place, 1)
        over(done)
        return answer(OK, 0, 0, 0, became())
    end
    return give_up()
end

-- For good, whatever Redis has lost.
local function remember_given_up()
    if known_turn ~= GIVEN_UP or ask == 'leave' or has(KEY.called) or has(KEY.gone) then
        return
    elseif state == PRE_QUEUE then
        give_up_entry()
    else
        give_up()
    end
end

-- Whether anything is left of the place, wherever it was moved. A session that Redis has lost may come back with its
-- pass.
local function look()
    if known_ended or known_turn == GIVEN_UP then
        return GONE
    elseif expires_ms or (has(KEY.called) and not has(KEY.ended) and not known_over and phantoms_of(bucket) > 0) then
        return SAME
    elseif has(KEY.gone) or has(KEY.ended) or
        (bucket.early_n > 0 and call('SISMEMBER', prefix .. KEY.early, entry) == 1) then
        return GONE
    end
    return (has(KEY.called) or known_over) and EXPIRED or NOT_YET
end

if ask == 'look' then
    return reply(look(), 0, 0, 0, NO_TURN, '', moves)
end
remember_visit()
remember_given_up()
local verbs = { pass = pass, extend = extend, heartbeat = heartbeat }
return (verbs[ask] or finish)()
