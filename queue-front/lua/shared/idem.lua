-- idem.lua: what keys of joins have: places, most of them.
--
-- They are fields of one hash, so that one HMGET looks up all keys of a call and one HSET writes them: what Redis spends on a
-- call from a script is several times what it spends on a field. Small hashes would take a quarter of the memory, but
-- each key would be in another one, hence a call of its own. An event that was made before there was that hash (its
-- cfg has no `one_idem`) goes on with small ones, since fronts of the version before may still run.

local sub = string.sub
local idem = prefix .. 'idem'

local NO_KEY = string.rep('\0', KEY_BYTES)

local keys_read = function(keys) return call('HMGET', idem, unpack(keys)) end
local keys_write = function(pairs) call('HSET', idem, unpack(pairs)) end
local key_forget = function(key) call('HDEL', idem, key) end

-- Small hashes are compact up to 128 entries. So the number of buckets grows with the line, four times at each level; a
-- bucket's name is as many base-4 digits of the key as its level has. Older levels keep what they hold, and are asked first.
local function keys_in_buckets(issued)
    local level, full = 0, IDEM_LEVEL_FULL
    while issued >= full do
        level, full = level + 1, full * 4
    end

    local function bucket_of(key, at_level)
        local a, b, c = string.byte(key, KEY_FIELD_BYTES + 1, KEY_FIELD_BYTES + 3)
        local bits, digits = a + 256 * b + 65536 * c, {}
        for i = 1, IDEM_DIGITS + at_level do
            digits[i] = bits % 4
            bits = math.floor(bits / 4)
        end
        return idem .. ':' .. table.concat(digits), sub(key, 1, KEY_FIELD_BYTES)
    end

    local function read(key)
        for at_level = 0, level do
            local value = call('HGET', bucket_of(key, at_level))
            if value then
                return value
            end
        end
        return false
    end

    function keys_read(keys)
        local values = {}
        for i, key in ipairs(keys) do
            values[i] = read(key)
        end
        return values
    end

    function keys_write(pairs)
        for i = 1, #pairs, 2 do
            local bucket, field = bucket_of(pairs[i], level)
            call('HSET', bucket, field, pairs[i + 1])
        end
    end

    function key_forget(key)
        for at_level = 0, level do
            call('HDEL', bucket_of(key, at_level))
        end
    end
end
