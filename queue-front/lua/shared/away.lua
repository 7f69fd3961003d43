-- away.lua: the absent, by pages of places.

-- Places are counted by pages, so that the marks of a long line travel and are compared in pieces.
-- `away:PAGE` has the bits of places before their call whose visitors are not there: ghosts, and places
-- that were left.
local function away_key(page)
    return prefix .. KEY.away .. page
end

-- Those heard in an epoch, by all fronts.
local function heard_key(epoch, page)
    return prefix .. KEY.there .. epoch .. ':' .. page
end

-- Fronts fetch a page again when its number has risen.
local function away_touch(bucket, page)
    bucket.away_seq = bucket.away_seq + 1
    call('ZADD', prefix .. KEY.aways, bucket.away_seq, page)
end

-- How many of a page are away, of those behind `after`.
local function away_n(page, after)
    local low = math.max(0, after + 1 - page * PAGE)
    return low < PAGE and call('BITCOUNT', away_key(page), low, PAGE - 1, 'BIT') or 0
end

-- A place before its call was given up. True: it had been a ghost's.
local function away_left(bucket, place)
    local page = math.floor(place / PAGE)
    if call('SETBIT', away_key(page), place % PAGE, 1) == 1 then
        return true
    end
    away_touch(bucket, page)
    return false
end
