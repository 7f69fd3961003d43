-- moves.lua: how often a place moved to another device.

-- Sets a place's number of moves; move.lua describes `moved`.
local function moves_write(entry, moves)
    local number = call('HINCRBY', prefix .. KEY.bucket, 'moves_seq', 1)
    call('ZADD', prefix .. KEY.moved, number * 256 + moves, entry)
end

-- A place's number of moves, as far as Redis knows; a verified ticket counts as knowledge too.
local function moves_known(entry, shown)
    local known = (tonumber(call('ZSCORE', prefix .. KEY.moved, entry)) or 0) % 256
    if shown > known then
        moves_write(entry, shown)
        return shown
    end
    return known
end
