-- sessions.lua: slots, including those of sessions that Redis has lost.

-- `members` has the session of each member who is inside, and the member of each of these sessions.
local function forget_member(session)
    local member = call('HGET', root .. KEY.members, session)
    if member then
        call('HDEL', root .. KEY.members, session)
        if tonumber(call('HGET', root .. KEY.members, member)) == tonumber(session) then
            call('HDEL', root .. KEY.members, member)
        end
    end
end

-- Frees the slots of expired sessions, a limited number at a time.
local function end_expired_sessions()
    local expired = call('ZRANGEBYSCORE', root .. KEY.active, '-inf', now_ms - behind_ms, 'LIMIT', 0, 200)
    if #expired > 0 then
        call('ZREM', root .. KEY.active, unpack(expired))
        call('HDEL', root .. KEY.ends, unpack(expired))
        for _, session in ipairs(expired) do
            forget_member(session)
            turn_log(math.floor(session / 4294967296), session % 4294967296, ENDED)
        end
    end
end

-- Lost sessions that have neither come back with a heartbeat nor expired. Each of `phantoms` holds a slot,
-- which nobody else may take. Up to `doubted` more may be lost: that many sessions that Redis still has may
-- have ended by then, and hold the slots of lost ones.
local function lost_of(bucket)
    local phantoms, doubted, until_ms = bucket.phantoms, bucket.doubted, bucket.phantom_until_ms
    if lane > 0 then
        local of_event = call('HMGET', root .. KEY.bucket, 'phantoms', 'doubted', 'phantom_until_ms')
        phantoms, doubted = tonumber(of_event[1]) or 0, tonumber(of_event[2]) or 0
        until_ms = tonumber(of_event[3]) or 0
    end
    if now_ms - behind_ms >= until_ms then
        return 0, 0
    end
    return phantoms, doubted
end

local function phantoms_of(bucket)
    local phantoms = lost_of(bucket)
    return phantoms
end

-- A lost session has come back.
local function lost_back(bucket)
    local phantoms, doubted = lost_of(bucket)
    local name = phantoms > 0 and 'phantoms' or 'doubted'
    if phantoms + doubted > 0 and lane > 0 then
        call('HINCRBY', root .. KEY.bucket, name, -1)
    elseif phantoms + doubted > 0 then
        bucket[name] = bucket[name] - 1
    end
end
