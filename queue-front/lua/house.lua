-- house.lua: which events there are: those that run, those that have ended, and what is still to be
-- done for one that is over. It is asked by each front 2.5 times a second, and says at once that
-- nothing is new, however many events have ended.
--
-- KEYS[1] is fg:events, the set of events that run. All else shares its slot: {fg:events}:house
-- (hash: `born`, and `n`, which rises with each change here), :rests (zset: ended events that
-- visitors may still ask about, by the n of their last change), :ended (zset: all that have ended
-- and are not deleted, by the n of their end), :cards (hash: what a list says of each of these),
-- :left (zset: the newest that were deleted, by n), :chores (zset: "sweep:ID" and "erase:ID" by when
-- they are due; see sweep.lua), :audit (stream: what has no event left to be written down with).
--
-- ARGV: run id, verb, then
--   look     born, n and size of the set as this front knows them, how many may rest, how many of
--            the chores due it takes (0 or 1)
--            -> {SAME, born, n, size, chore or ''}, or {OK, born, n, size, chore, {ids}, {id, n, ...}}
--   list     id, 1 if it was created just now -> {OK} it is in the set now; {SAME} it has ended;
--            {GONE} it was deleted
--   end      id, card, ms until it is swept -> {OK}: it is not in the set any more; {GONE}: it was
--            deleted meanwhile
--   touch    id, card -> {OK}: what rests has changed
--   later    chore, ms -> {OK}: the chore is due that much later from now, whether it was there or not
--   done     chore -> {OK}: a swept event rests no longer
--   drop     id, audit entry or '' -> {OK}: deleted; {SAME}: it was already. Its erasing is a chore before
--            this is asked, so whoever dies over it leaves it to be finished
--   find     id -> {OK} in the set, {SAME} ended, {UNKNOWN}
--   page     below which n (0: from the newest), how many, words in id or card
--            -> {OK, n to go on below or 0, id, card, ...}
--   trail    how many -> {OK, {stream entries, newest first}}
--
-- Bounds: a page looks at no more than PAGE_LOOK entries, whatever is searched for.

local LEFT_MAX = 4096    -- deletions remembered; a front cut off for longer would bring one back
local TRAIL_MAX = 10000
local PAGE_LOOK = 1000
local LEASE_MS = 5000    -- a front that took a chore and died: after this long another one takes it

clock_set(0)

local EVENTS = KEYS[1]
local base = '{' .. EVENTS .. '}:'
local HOUSE, RESTS, ENDED_EVENTS, CARDS = base .. 'house', base .. 'rests', base .. 'ended', base .. 'cards'
local LEFT, CHORES = base .. 'left', base .. 'chores'
local verb, id = ARGV[2], ARGV[3]

local function rise()
    call('HSETNX', HOUSE, 'born', now_us)
    return call('HINCRBY', HOUSE, 'n', 1)
end

local function due_chore(take)
    local due = call('ZRANGEBYSCORE', CHORES, '-inf', now_ms, 'LIMIT', 0, 1)
    if not due[1] or take == 0 then
        return ''
    end
    call('ZADD', CHORES, now_ms + LEASE_MS, due[1])
    return due[1]
end

local function look()
    local house = call('HMGET', HOUSE, 'born', 'n')
    if not house[1] then
        house = { 0, rise() }
        house[1] = call('HGET', HOUSE, 'born')
    end
    local size = call('SCARD', EVENTS)
    local answer = { SAME, house[1], tonumber(house[2]), size, due_chore(tonumber(ARGV[7])) }
    if house[1] == ARGV[3] and answer[3] == tonumber(ARGV[4]) and size == tonumber(ARGV[5]) then
        return answer
    end
    answer[1] = OK
    answer[6] = call('SMEMBERS', EVENTS)
    if size > 0 and size < 4096 then
        call('ZREM', LEFT, unpack(answer[6])) -- created again
    end
    answer[7] = call('ZREVRANGE', RESTS, 0, tonumber(ARGV[6]) - 1, 'WITHSCORES')
    return answer
end

local function list()
    if call('SISMEMBER', EVENTS, id) == 1 then
        return { OK }
    elseif call('ZSCORE', ENDED_EVENTS, id) then
        return { SAME }
    elseif call('ZSCORE', LEFT, id) and ARGV[4] ~= '1' then
        return { GONE }
    end
    call('ZREM', LEFT, id)
    call('SADD', EVENTS, id)
    rise()
    return { OK }
end

local function finish()
    if not call('ZSCORE', ENDED_EVENTS, id) then
        if call('ZSCORE', LEFT, id) and call('SISMEMBER', EVENTS, id) == 0 then
            return { GONE }
        end
        local n = rise()
        call('ZADD', RESTS, n, id)
        call('ZADD', ENDED_EVENTS, n, id)
        call('ZADD', CHORES, now_ms + tonumber(ARGV[5]), 'sweep:' .. id)
        call('HSET', CARDS, id, ARGV[4])
        call('SREM', EVENTS, id)
    elseif call('SREM', EVENTS, id) == 1 then
        rise()
    end
    return { OK }
end

local function touch()
    if call('ZSCORE', ENDED_EVENTS, id) then
        call('HSET', CARDS, id, ARGV[4])
        if call('ZSCORE', RESTS, id) then
            call('ZADD', RESTS, rise(), id)
        else
            call('ZADD', CHORES, now_ms, 'sweep:' .. id) -- archived late: its series may go now
        end
    end
    return { OK }
end

local function done()
    call('ZREM', CHORES, id)
    local swept = string.match(id, '^sweep:(.*)$')
    if swept and call('ZREM', RESTS, swept) == 1 then
        rise()
    end
    return { OK }
end

local function drop()
    if not call('ZSCORE', CHORES, 'erase:' .. id) then
        return { SAME } -- erased by another front, and the id may be another event's by now
    end
    local here = call('SREM', EVENTS, id) + call('ZREM', ENDED_EVENTS, id) + call('ZREM', RESTS, id)
    call('HDEL', CARDS, id)
    call('ZREM', CHORES, 'sweep:' .. id)
    if here == 0 then
        return { SAME }
    end
    call('ZADD', CHORES, now_ms, 'erase:' .. id)
    call('ZADD', LEFT, rise(), id)
    call('ZREMRANGEBYRANK', LEFT, 0, -LEFT_MAX - 1)
    if ARGV[4] ~= '' then
        call('XADD', base .. 'audit', 'MAXLEN', '~', TRAIL_MAX, '*', 'a', ARGV[4], 'v', 0)
    end
    return { OK }
end

local function find()
    if call('SISMEMBER', EVENTS, id) == 1 then
        return { OK }
    end
    return { call('ZSCORE', ENDED_EVENTS, id) and SAME or UNKNOWN }
end

local function page()
    local below = tonumber(ARGV[3]) > 0 and '(' .. ARGV[3] or '+inf'
    local wanted, words = tonumber(ARGV[4]), string.lower(ARGV[5])
    local rows = call('ZREVRANGEBYSCORE', ENDED_EVENTS, below, '-inf', 'WITHSCORES', 'LIMIT', 0,
        words == '' and wanted + 1 or PAGE_LOOK)
    local answer, last = { OK, 0 }, 0
    for i = 1, #rows, 2 do
        local card = call('HGET', CARDS, rows[i]) or '{}'
        if words == '' or string.find(rows[i], words, 1, true) or
            string.find(string.lower(card), words, 1, true) then
            if #answer == 2 + 2 * wanted then
                answer[2] = last
                return answer
            end
            answer[#answer + 1] = rows[i]
            answer[#answer + 1] = card
        end
        last = tonumber(rows[i + 1])
    end
    if words ~= '' and #rows == 2 * PAGE_LOOK then
        answer[2] = last
    end
    return answer
end

if verb == 'look' then
    return look()
elseif verb == 'list' then
    return list()
elseif verb == 'end' then
    return finish()
elseif verb == 'touch' then
    return touch()
elseif verb == 'later' then
    call('ZADD', CHORES, now_ms + tonumber(ARGV[4]), id)
    return { OK }
elseif verb == 'done' then
    return done()
elseif verb == 'drop' then
    return drop()
elseif verb == 'find' then
    return find()
elseif verb == 'page' then
    return page()
end
return { OK, call('XREVRANGE', base .. 'audit', '+', '-', 'COUNT', ARGV[3]) }
