-- idem.lua: keys of joins, in small hashes.

-- A bucket is a small hash, and small hashes are cheap only up to 128 entries. So the number
-- of buckets grows with the line, four times at each level; a bucket's name is as many base-4 digits of the
-- key's hash as its level has. Older levels keep what they hold, and are asked first: one more call for
-- each, which is why the first level is so large.
local level = 0
local format, sub = string.format, string.sub
local idem_prefix = prefix .. 'idem:'

local function idem_level_of(issued)
    local full = IDEM_LEVEL_FULL
    while issued >= full do
        level, full = level + 1, full * 4
    end
end

-- What a key had before, or nil: it has this number now.
local function earlier_place(bucket, field, place)
    for below = 0, level - 1 do
        local old = call('HGET', idem_prefix .. string.sub(bucket, 1, IDEM_DIGITS + below), field)
        if old then
            return tonumber(old)
        end
    end
    local key = idem_prefix .. sub(bucket, 1, IDEM_DIGITS + level)
    if call('HSETNX', key, field, format('%d', place)) == 0 then
        return tonumber(call('HGET', key, field))
    end
    return nil
end
