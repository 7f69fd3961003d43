-- guesses.lua: counts invalid codes of presales and moves together, per minute: by address, by network (an IPv6 /48, or
-- the IPv4 address) and by event.
--
-- An address may have WRONG_CODES_MAX. Once the event has had WRONG_CODES_EVENT_MAX, a network that has sent one may
-- send no more. So a guesser with very many addresses is slowed down, and visitors of other networks are not rejected
-- for it. Defined only if there is a code.

local function guesses_made()
    local key = root .. KEY.ip .. math.floor(now_ms / 60000)

    local function names_of(address)
        return 'c:' .. address, 'network:' .. string.sub(address, 1, 6), 'codes'
    end

    local function are_over(address)
        local of = call('HMGET', key, names_of(address))
        local by_address, by_network, all = tonumber(of[1]) or 0, tonumber(of[2]) or 0, tonumber(of[3]) or 0
        return by_address >= WRONG_CODES_MAX or (all >= WRONG_CODES_EVENT_MAX and by_network > 0)
    end

    local function note(address)
        for _, name in ipairs({ names_of(address) }) do
            call('HINCRBY', key, name, 1)
        end
        call('PEXPIRE', key, ADDRESSES_MS)
    end

    return { are_over = are_over, note = note }
end
