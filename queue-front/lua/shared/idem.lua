-- idem.lua: what keys of joins have: places, most of them.
--
-- They are fields of one hash, so that one HMGET looks up all keys of a call and one HSET writes them: what Redis spends on a
-- call from a script is several times what it spends on a field. Small hashes would take a quarter of the memory, but
-- each key would be in another one, hence a call of its own.

local sub = string.sub
local idem = prefix .. KEY.idem

local function keys_read(keys)
    return call('HMGET', idem, unpack(keys))
end

local function keys_write(pairs)
    call('HSET', idem, unpack(pairs))
end
