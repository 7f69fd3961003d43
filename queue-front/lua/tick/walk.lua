-- walk.lua: skips places that are away. A ghost is skipped without a token and recorded in `skipped`; if it
-- comes back in time, it pays for itself at the door and enters next.

local WALK_MAX = 2048        -- places checked one by one per tick

-- The bits of the bytes from..to of the line, as one string: the absent.
local function away_bytes(from, to)
    local parts = {}
    for page = math.floor(from / PAGE_BYTES), math.floor(to / PAGE_BYTES) do
        local low = math.max(from - page * PAGE_BYTES, 0)
        local high = math.min(to - page * PAGE_BYTES, PAGE_BYTES - 1)
        local part = call('GETRANGE', away_key(page), low, high)
        parts[#parts + 1] = part .. string.rep('\0', high - low + 1 - #part)
    end
    return table.concat(parts)
end

-- Walks over places up to `limit` until `want` present people are found.
local function advance_over_ghosts(want, limit)
    local upto = math.min(limit, serving + WALK_MAX)
    local from, to = math.floor((serving + 1) / 8), math.floor(upto / 8)
    local aways = away_bytes(from, to)
    local gone = call('GETRANGE', prefix .. KEY.gone, from, to)
    local skipped = call('GETRANGE', prefix .. KEY.skipped, from, to)
    local found, ghosts, left, out = 0, 0, 0, {}
    for byte = from, to do
        local i = byte - from + 1
        local away, given_up = string.byte(aways, i) or 0, string.byte(gone, i) or 0
        local passed = string.byte(skipped, i) or 0
        for place = math.max(serving + 1, byte * 8), math.min(upto, byte * 8 + 7) do
            local mask = 2 ^ (7 - place % 8)
            if bit.band(given_up, mask) ~= 0 then
                left = left + 1
            elseif bit.band(away, mask) ~= 0 then
                ghosts, passed = ghosts + 1, bit.bor(passed, mask)
            elseif found == want then
                break
            else
                found = found + 1
            end
            serving = place
        end
        out[i] = string.char(passed)
        if found == want then
            break
        end
    end
    if ghosts > 0 then
        call('SETRANGE', prefix .. KEY.skipped, from, table.concat(out))
    end
    bucket.left_n = bucket.left_n - left
    bucket.skipped_n = bucket.skipped_n + ghosts
    bucket.ghosts_n = bucket.ghosts_n - ghosts
    return found
end
