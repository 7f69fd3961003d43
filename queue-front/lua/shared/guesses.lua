-- guesses.lua: invalid codes of presales and moves together, counted for the minute: by address, by network (an IPv6
-- /48, or the IPv4 address) and by event.
--
-- An address has WRONG_CODES_MAX. Once the event has had WRONG_CODES_EVENT_MAX, a network that has sent one has no more. So
-- a guesser with very many addresses is slowed down, and visitors of other networks are not refused for it.

local function guesses_key()
    return root .. KEY.ip .. math.floor(now_ms / 60000)
end

local function guess_names(address)
    return 'c:' .. address, 'network:' .. string.sub(address, 1, 6), 'codes'
end

local function guesses_are_over(address)
    local of = call('HMGET', guesses_key(), guess_names(address))
    local by_address, by_network, all = tonumber(of[1]) or 0, tonumber(of[2]) or 0, tonumber(of[3]) or 0
    return by_address >= WRONG_CODES_MAX or (all >= WRONG_CODES_EVENT_MAX and by_network > 0)
end

local function guess_note(address)
    for _, name in ipairs({ guess_names(address) }) do
        call('HINCRBY', guesses_key(), name, 1)
    end
end
