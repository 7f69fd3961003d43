-- bucket.lua: the numbers of a line in the hash `bucket`, and the line's bitmaps.

-- The bucket's fields as numbers, missing ones as 0; bucket_write() stores the changed ones.
local function bucket_read(...)
    local bucket = { names = { ... }, was = {} }
    local values = call('HMGET', prefix .. KEY.bucket, ...)
    for i, name in ipairs(bucket.names) do
        bucket[name] = tonumber(values[i]) or 0
        bucket.was[i] = bucket[name]
    end
    return bucket
end

local function bucket_write(bucket)
    local changes = {}
    for i, name in ipairs(bucket.names) do
        if bucket[name] ~= bucket.was[i] then
            changes[#changes + 1] = name
            changes[#changes + 1] = bucket[name]
        end
    end
    if #changes > 0 then
        call('HSET', prefix .. KEY.bucket, unpack(changes))
    end
end

-- How many bits are set for the places in (after, upto].
local function bits(name, after, upto)
    if upto <= after then
        return 0
    end
    return call('BITCOUNT', prefix .. name, after + 1, upto, 'BIT')
end
