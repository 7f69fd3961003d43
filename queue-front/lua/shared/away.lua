-- away.lua: places whose visitors are absent, in pages.

-- Places are stored in pages, so that the marks of a long line are sent and compared in pieces.
-- `away:PAGE` has the bits of places before their call whose visitors are gone: ghosts, and places
-- given up.
local function away_key(page)
    return prefix .. KEY.away .. page
end

-- The places of a page seen in an epoch, by all fronts.
local function seen_key(epoch, page)
    return prefix .. KEY.there .. epoch .. ':' .. page
end

-- Fronts fetch a page again when its number has risen.
local function away_touch(bucket, page)
    bucket.away_seq = bucket.away_seq + 1
    call('ZADD', prefix .. KEY.aways, bucket.away_seq, page)
end

-- How many places of a page after `after` are away.
local function away_n(page, after)
    local low = math.max(0, after + 1 - page * PAGE)
    return low < PAGE and call('BITCOUNT', away_key(page), low, PAGE - 1, 'BIT') or 0
end

-- A place was given up before its call. True: it had been a ghost's.
local function away_left(bucket, place)
    local page = math.floor(place / PAGE)
    if call('SETBIT', away_key(page), place % PAGE, 1) == 1 then
        return true
    end
    away_touch(bucket, page)
    return false
end
