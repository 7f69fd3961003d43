-- settle.lua: stretches of calls whose time is over, and the door, where called visitors without a slot or
-- token wait.

local SETTLE_MAX = 8         -- stretches settled per tick
local RETRY_MS = 10000       -- a visitor who has not knocked for this long has left the door
local SHOW_MEMORY = 500      -- people over whom the show-up ratio is smoothed

local function show_up_seen(came, of)
    local keep = SHOW_MEMORY / (SHOW_MEMORY + of)
    bucket.show_came = bucket.show_came * keep + came
    bucket.show_of = bucket.show_of * keep + of
end

local function settle(upto)
    local size = upto - bucket.settled - bits(KEY.gone, bucket.settled, upto) -
        bits(KEY.skipped, bucket.settled, upto)
    local came = bits(KEY.called, bucket.settled, upto)
    local trying = 0
    if door_n > 0 then
        trying = call('ZCOUNT', prefix .. KEY.door, '(' .. bucket.settled, upto)
    end
    if upto == bucket.healed_upto then
        came = math.min(size, came + bucket.healed_came)
        bucket.healed_came = 0
    else
        show_up_seen(math.min(came + trying, size), size)
    end
    bucket.called_n = math.max(0, bucket.called_n - size)
    bucket.came_n = math.min(math.max(0, bucket.came_n - came), bucket.called_n)
    bucket.no_shows = bucket.no_shows + math.max(0, size - came - trying)
    bucket.settled = upto
end

local function settle_expired()
    local open = call('ZRANGEBYSCORE', prefix .. KEY.hist, '(' .. bucket.settled, '+inf', 'LIMIT', 0,
        SETTLE_MAX)
    for _, stretch in ipairs(open) do
        local upto, expires_ms = string.match(stretch, '^(%d+):%d+:(%d+)$')
        if tonumber(expires_ms) >= now_ms then
            break
        end
        settle(tonumber(upto))
    end
    local over = call('ZRANGEBYSCORE', prefix .. KEY.hist, '-inf', bucket.settled, 'LIMIT', 0,
        SETTLE_MAX)
    for _, stretch in ipairs(over) do
        local upto, expires_ms = string.match(stretch, '^(%d+):%d+:(%d+)$')
        if tonumber(expires_ms) + grace_ms >= now_ms then
            break
        end
        call('ZREM', prefix .. KEY.hist, stretch)
        bucket.dead = tonumber(upto)
    end
end

local function clear_door()
    if now_ms < bucket.thawed_ms + RETRY_MS then
        return -- nobody could retry while the line was paused
    end
    local left = call('ZRANGEBYSCORE', prefix .. KEY.knock, '-inf', now_ms - RETRY_MS, 'LIMIT', 0, 100)
    if #left > 0 then
        call('ZREM', prefix .. KEY.knock, unpack(left))
        call('ZREM', prefix .. KEY.door, unpack(left))
        call('ZREM', prefix .. KEY.back, unpack(left))
        door_n = call('ZCARD', prefix .. KEY.door)
    end
end
