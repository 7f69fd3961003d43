-- sessions.lua: slots, and those of sessions that Redis has lost.

-- Frees the slots of sessions that ran out, a bounded number at a time.
local function end_expired_sessions()
    local expired = call('ZRANGEBYSCORE', root .. 'active', '-inf', now_ms - behind_ms, 'LIMIT', 0, 200)
    if #expired > 0 then
        call('ZREM', root .. 'active', unpack(expired))
        call('HDEL', root .. 'ends', unpack(expired))
        for _, session in ipairs(expired) do
            turn_log(math.floor(session / 4294967296), session % 4294967296, ENDED)
        end
    end
end

-- Slots held by sessions that were known before Redis lost them; nobody may take theirs until each
-- has either come back by its heartbeat or run out.
local function phantoms_of(bucket)
    local number, until_ms = bucket.phantoms, bucket.phantom_until_ms
    if lane > 0 then
        local of_event = call('HMGET', root .. 'bucket', 'phantoms', 'phantom_until_ms')
        number, until_ms = tonumber(of_event[1]) or 0, tonumber(of_event[2]) or 0
    end
    return now_ms - behind_ms < until_ms and number or 0
end

-- One of them was claimed.
local function phantom_back(bucket)
    if lane > 0 then
        call('HINCRBY', root .. 'bucket', 'phantoms', -1)
    else
        bucket.phantoms = bucket.phantoms - 1
    end
end
