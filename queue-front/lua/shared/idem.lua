-- idem.lua: the values of join keys, mostly places.
--
-- They are fields of one hash, so that one HMGET looks up all keys of a call and one HSET writes them: a call from a
-- script costs Redis several times as much as a field. Small hashes would take a quarter of the memory, but each key
-- would be in another one, and need its own call.

local sub = string.sub
local idem = prefix .. KEY.idem

local function keys_read(keys)
    return call('HMGET', idem, unpack(keys))
end

local function keys_write(pairs)
    call('HSET', idem, unpack(pairs))
end
