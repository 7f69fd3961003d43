-- registry.lua: the registry of events: running ones, ended ones, and cleanups that are left for an ended one. Each front
-- reads it 2.5 times a second, very many fronts half as often. Without news the reply is short, however many events
-- have ended.
--
-- KEYS[1] is fg:events, the set of running events. The rest shares its slot: {fg:events}:house (hash: `born`, and `n`,
-- which rises with each change here), :rests (zset: ended events that visitors may still ask about, by the n of their
-- last change), :ended (zset: all that have ended and are not deleted, by the n of their end), :cards (hash: the list
-- entry of each of these), :left (zset: the newest deleted ones, by n), :fronts (zset: fronts by their last read),
-- :chores (zset: "sweep:ID" and "erase:ID" by when they are due; see sweep.lua), :audit (stream: entries without an
-- event to store them).
--
-- Verbs (wire.list: ask_registry_VERB, or ask_registry_name; and reply_registry unless noted):
--   look     SAME, or OK with the names of all running and the newest resting events; and the list of fronts
--   leave    OK: this front is no longer in the list of fronts
--   list     OK: it is in the set now; SAME: it has ended; GONE: it was deleted
--   end      OK: it is no longer in the set; GONE: it was deleted meanwhile
--   touch    OK: the resting event was marked as changed
--   later    OK: the cleanup is due that much later from now, whether it existed or not
--   done     OK: a swept event no longer rests
--   drop     OK: deleted; SAME: it was already. Its erasing becomes a cleanup before this call, so if a front dies
--            in between, another finishes it
--   find     OK: in the set; SAME: ended; UNKNOWN
--   page     OK, and the requested ended events, newest first
--
-- A page reads at most PAGE_LOOK entries, whatever the search.

local LEFT_MAX = 4096    -- deletions remembered; a front cut off for longer would bring one back
local TRAIL_MAX = 10000
local PAGE_LOOK = 1000
local FRONT_MEMORY_MS = 900000 -- how long a crashed front stays listed
local LEASE_MS = 5000    -- after this long another front takes the cleanup of a crashed one

clock_set(0)

local EVENTS = KEYS[1]
local base = '{' .. EVENTS .. '}:'
local VERSION, RESTS, ENDED_EVENTS, CARDS = base .. REGISTRY.house, base .. REGISTRY.rests, base .. REGISTRY.ended, base .. REGISTRY.cards
local LEFT, CLEANUPS, FRONTS = base .. REGISTRY.left, base .. REGISTRY.chores, base .. REGISTRY.fronts

local function rise()
    call('HSETNX', VERSION, 'born', now_us)
    return call('HINCRBY', VERSION, 'n', 1)
end

local function due_cleanup(take)
    local due = call('ZRANGEBYSCORE', CLEANUPS, '-inf', now_ms, 'LIMIT', 0, 1)
    if not due[1] or take == 0 then
        return ''
    end
    call('ZADD', CLEANUPS, now_ms + LEASE_MS, due[1])
    return due[1]
end

local function fronts(own)
    if own ~= '' then
        call('ZADD', FRONTS, now_ms, own)
        call('ZREMRANGEBYSCORE', FRONTS, '-inf', now_ms - FRONT_MEMORY_MS)
        call('ZREMRANGEBYRANK', FRONTS, 0, -FRONTS_MAX - 1)
    end
    local listed = call('ZRANGE', FRONTS, 0, -1, 'WITHSCORES')
    for i = 2, #listed, 2 do
        listed[i] = math.max(0, now_ms - tonumber(listed[i]))
    end
    return listed
end

local function leave()
    call('ZREM', FRONTS, ARGV[ask_registry_name.name])
    return { OK }
end

local function look()
    local version = call('HMGET', VERSION, 'born', 'n')
    if not version[1] then
        version = { 0, rise() }
        version[1] = call('HGET', VERSION, 'born')
    end
    local born, n, size = version[1], tonumber(version[2]), call('SCARD', EVENTS)
    local answer = {
        [reply_registry_look.outcome] = SAME,
        [reply_registry_look.born] = born,
        [reply_registry_look.n] = n,
        [reply_registry_look.size] = size,
        [reply_registry_look.now_us] = now_us,
        [reply_registry_look.cleanup] = due_cleanup(tonumber(ARGV[ask_registry_look.cleanups])),
        [reply_registry_look.fronts] = fronts(ARGV[ask_registry_look.front]),
    }
    if born == ARGV[ask_registry_look.born] and n == tonumber(ARGV[ask_registry_look.n]) and
        size == tonumber(ARGV[ask_registry_look.size]) then
        return answer
    end
    local live = call('SMEMBERS', EVENTS)
    if size > 0 and size < 4096 then
        call('ZREM', LEFT, unpack(live)) -- created again
    end
    answer[reply_registry_look.outcome] = OK
    answer[reply_registry_look.words + reply_registry_names.live] = live
    answer[reply_registry_look.words + reply_registry_names.resting] =
        call('ZREVRANGE', RESTS, 0, tonumber(ARGV[ask_registry_look.rest]) - 1, 'WITHSCORES')
    return answer
end

local function list()
    local id = ARGV[ask_registry_list.id]
    if call('SISMEMBER', EVENTS, id) == 1 then
        return { OK }
    elseif call('ZSCORE', ENDED_EVENTS, id) then
        return { SAME }
    elseif call('ZSCORE', LEFT, id) and ARGV[ask_registry_list.created] ~= '1' then
        return { GONE }
    end
    call('ZREM', LEFT, id)
    call('SADD', EVENTS, id)
    rise()
    return { OK }
end

local function finish()
    local id = ARGV[ask_registry_end.id]
    if not call('ZSCORE', ENDED_EVENTS, id) then
        if call('ZSCORE', LEFT, id) and call('SISMEMBER', EVENTS, id) == 0 then
            return { GONE }
        end
        local n = rise()
        call('ZADD', RESTS, n, id)
        call('ZADD', ENDED_EVENTS, n, id)
        call('ZADD', CLEANUPS, now_ms + tonumber(ARGV[ask_registry_end.keep_ms]), 'sweep:' .. id)
        call('HSET', CARDS, id, ARGV[ask_registry_end.card])
        call('SREM', EVENTS, id)
    elseif call('SREM', EVENTS, id) == 1 then
        rise()
    end
    return { OK }
end

local function touch()
    local id = ARGV[ask_registry_end.id]
    if call('ZSCORE', ENDED_EVENTS, id) then
        call('HSET', CARDS, id, ARGV[ask_registry_end.card])
        if call('ZSCORE', RESTS, id) then
            call('ZADD', RESTS, rise(), id)
        else
            call('ZADD', CLEANUPS, now_ms, 'sweep:' .. id) -- archived late: its series may be deleted now
        end
    end
    return { OK }
end

local function later()
    call('ZADD', CLEANUPS, now_ms + tonumber(ARGV[ask_registry_later.wait_ms]), ARGV[ask_registry_later.cleanup])
    return { OK }
end

local function done()
    local cleanup = ARGV[ask_registry_name.name]
    call('ZREM', CLEANUPS, cleanup)
    local swept = string.match(cleanup, '^sweep:(.*)$')
    if swept and call('ZREM', RESTS, swept) == 1 then
        rise()
    end
    return { OK }
end

local function drop()
    local id, entry = ARGV[ask_registry_drop.id], ARGV[ask_registry_drop.audit]
    if not call('ZSCORE', CLEANUPS, 'erase:' .. id) then
        return { SAME } -- erased by another front; the id may belong to another event by now
    end
    local here = call('SREM', EVENTS, id) + call('ZREM', ENDED_EVENTS, id) + call('ZREM', RESTS, id)
    call('HDEL', CARDS, id)
    call('ZREM', CLEANUPS, 'sweep:' .. id)
    if here == 0 then
        return { SAME }
    end
    call('ZADD', CLEANUPS, now_ms, 'erase:' .. id)
    call('ZADD', LEFT, rise(), id)
    call('ZREMRANGEBYRANK', LEFT, 0, -LEFT_MAX - 1)
    if entry ~= '' then
        call('XADD', base .. REGISTRY.audit, 'MAXLEN', '~', TRAIL_MAX, '*', 'a', entry, 'v', 0)
    end
    return { OK }
end

local function find()
    local id = ARGV[ask_registry_name.name]
    if call('SISMEMBER', EVENTS, id) == 1 then
        return { OK }
    end
    return { call('ZSCORE', ENDED_EVENTS, id) and SAME or UNKNOWN }
end

local function page()
    local from = ARGV[ask_registry_page.below]
    local below = tonumber(from) > 0 and '(' .. from or '+inf'
    local wanted, words = tonumber(ARGV[ask_registry_page.limit]), string.lower(ARGV[ask_registry_page.search])
    local rows = call('ZREVRANGEBYSCORE', ENDED_EVENTS, below, '-inf', 'WITHSCORES', 'LIMIT', 0,
        words == '' and wanted + 1 or PAGE_LOOK)
    local answer, last = { [reply_registry_page.outcome] = OK, [reply_registry_page.below] = 0 }, 0
    for i = 1, #rows, 2 do
        local card = call('HGET', CARDS, rows[i]) or '{}'
        if words == '' or string.find(rows[i], words, 1, true) or
            string.find(string.lower(card), words, 1, true) then
            if #answer == reply_registry_page.words + 2 * wanted then
                answer[reply_registry_page.below] = last
                return answer
            end
            answer[#answer + 1] = rows[i]
            answer[#answer + 1] = card
        end
        last = tonumber(rows[i + 1])
    end
    if words ~= '' and #rows == 2 * PAGE_LOOK then
        answer[reply_registry_page.below] = last
    end
    return answer
end

local verbs = {
    look = look, list = list, ['end'] = finish, touch = touch, later = later, done = done, drop = drop,
    find = find, leave = leave, page = page,
}
return verbs[ARGV[ask_registry_name.verb]]()
