-- moves.lua: how often a place was carried to another device.

-- Places that were carried to another device; move.lua tells what `moved` is.
local function moves_write(entry, moves)
    local number = call('HINCRBY', prefix .. KEY.bucket, 'moves_seq', 1)
    call('ZADD', prefix .. KEY.moved, number * 256 + moves, entry)
end

-- How often a place has moved, as far as Redis knows; a verified ticket counts as knowledge too.
local function moves_known(entry, told)
    local known = (tonumber(call('ZSCORE', prefix .. KEY.moved, entry)) or 0) % 256
    if told > known then
        moves_write(entry, told)
        return told
    end
    return known
end
