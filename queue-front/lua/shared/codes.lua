-- codes.lua: presale codes for joins. Defined only if a join has one, since few do.
local function codes_made()
    local guesses = guesses_made()

    -- While codes are missing, an unknown code may be valid. It counts as a guess only if some codes are there to be
    -- guessed.
    local function not_there(address, lost)
        if not lost or call('EXISTS', root .. KEY.codes) == 1 then
            guesses.note(address)
        end
        return lost and CODE_MISSING or CODE_UNKNOWN
    end

    local function read(digest)
        local of_lane, uses, used, channel =
            string.match(call('HGET', root .. KEY.codes, digest) or '', '^(%d+):(%d+):(%d+):(.*)$')
        return of_lane and { digest = digest, lane = tonumber(of_lane), uses = uses, used = tonumber(used), channel = channel }
    end

    -- Why the code opens nothing here, or nil and the code. The reads come first for every code, so that the timing
    -- reveals nothing about it.
    local function look_at(digest, address)
        local lost = call('HGET', CFG, 'codes_lost')
        local over = guesses.are_over(address)
        local code = read(digest)
        if over then
            return CODE_GUESSES
        elseif not code or (lane > 0 and code.lane ~= lane) then
            return not_there(address, lost)
        elseif code.lane ~= lane then
            return CODE_OF_LANE + code.lane
        elseif code.used >= tonumber(code.uses) then
            return CODE_USED_UP
        end
        return nil, code
    end

    -- Changes the use count by this many.
    local function count(code, by)
        call('HSET', root .. KEY.codes, code.digest,
            code.lane .. ':' .. code.uses .. ':' .. code.used + by .. ':' .. code.channel)
        local group = code.lane .. ':' .. code.channel
        local codes, uses, used =
            string.match(call('HGET', root .. KEY.coded, group) or '', '^(%d+):(%d+):(%d+)$')
        if codes then
            call('HSET', root .. KEY.coded, group, codes .. ':' .. uses .. ':' .. tonumber(used) + by)
        end
    end

    return { read = read, look_at = look_at, count = count }
end
