-- call.lua: calls the next visitors and records them as stretches.

local GAP_TURNS = 64         -- runs of unowned places skipped per tick
local STRETCHES_MAX = 4096   -- kept at once; beyond that the newest one grows
local STRETCH_MIN_MS = 100   -- calls closer together than this share a stretch
local STRETCHES_WANTED = 2048
local RATE_MEMORY_US = 30000000

-- Moves `serving` past `want` people who are still there. Places given up are skipped at no cost. In a long
-- run of such places the step grows until it finds somebody.
local function advance_counted(want)
    if bucket.left_n == 0 then
        want = math.min(want, issued - serving)
        serving = serving + want
        return want
    end
    local found, step = 0, want
    for _ = 1, 32 do
        if found == want or serving == issued then
            break
        end
        local upto = math.min(serving + step, issued)
        local left = bits(KEY.gone, serving, upto)
        local here = upto - serving - left
        if found + here <= want then
            serving, found = upto, found + here
            bucket.left_n = bucket.left_n - left
            step = here == 0 and step * 4 or want - found
        else
            step = math.max(want - found, math.floor(step / 4))
        end
    end
    return found
end

local function advance(want)
    if bucket.ghosts_n == 0 then
        return advance_counted(want)
    end
    local found, walked = 0, 0
    for _ = 1, GAP_TURNS do
        pass_gap()
        local limit, before = math.min(walk_upto(), serving + WALK_MAX - walked), serving
        found = found + advance_over_ghosts(want - found, limit)
        walked = walked + serving - before
        if found == want or walked == WALK_MAX or serving == issued then
            break
        end
    end
    return found
end

-- Records the call. Neighbouring calls share a stretch with the later end, so that nobody's time is cut.
local function remember_call(first_new)
    local window_ms = math.max(STRETCH_MIN_MS, (call_ttl_ms + grace_ms) / STRETCHES_WANTED)
    local called_ms, expires_ms = now_ms, now_ms + call_ttl_ms
    local shares = bucket.last_upto > bucket.settled and bucket.last_upto == first_new and
        (now_ms < bucket.last_called_ms + window_ms or
            call('ZCARD', prefix .. KEY.hist) >= STRETCHES_MAX)
    if shares then
        call('ZREMRANGEBYSCORE', prefix .. KEY.hist, bucket.last_upto, bucket.last_upto)
        called_ms = bucket.last_called_ms
        expires_ms = math.max(expires_ms, bucket.last_expires_ms)
        if bucket.healed_upto == bucket.last_upto then
            bucket.healed_upto = serving
        end
    end
    call('ZADD', prefix .. KEY.hist, serving, serving .. ':' .. called_ms .. ':' .. expires_ms)
    bucket.last_upto, bucket.last_called_ms, bucket.last_expires_ms = serving, called_ms, expires_ms
end

local function call_next(active, late_n)
    local tokens = math.floor(bucket.nano / TOKEN)
    local waiting = issued - serving - bucket.left_n
    local want = math.min(tokens, own_tokens, waiting, free_slots(active, late_n))
    if want < 1 then
        return 0
    end
    local before = serving
    local found = advance(want)
    bucket.nano = bucket.nano - found * TOKEN
    bucket.called_n = bucket.called_n + found
    call('SET', prefix .. KEY.serving, serving)
    note_passed(before)
    if serving > before then
        remember_call(before)
    end
    return found
end

-- People called per second, measured only while somebody is left waiting: an empty line does not show how
-- fast it could move.
local function measure_rate(called)
    if bucket.at_us == 0 or issued - serving - bucket.left_n <= 0 then
        return
    end
    local elapsed_us = math.min(math.max(0, now_us - bucket.at_us), 5000000)
    local keep = math.exp(-elapsed_us / RATE_MEMORY_US)
    bucket.rate_places = bucket.rate_places * keep + called
    bucket.rate_us = bucket.rate_us * keep + elapsed_us
end
