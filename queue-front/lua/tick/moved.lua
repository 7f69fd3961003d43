-- moved.lua: places that moved to another device. A front sends moves that Redis has lost, and gets those
-- that it does not know.

local function learn_moves()
    local before = ask_tick.words + 2 * tonumber(ARGV[ask_tick.early_len])
    for i = 1, tonumber(ARGV[ask_tick.moves_len]) do
        moves_known(ARGV[before - 1 + 2 * i], tonumber(ARGV[before + 2 * i]))
    end
end

local function newer_moves()
    local same_run = tonumber(ARGV[ask_tick.moves_run]) == bucket.moves_run
    local known = same_run and tonumber(ARGV[ask_tick.moves_seq]) or 0
    local reply = { bucket.moves_run, known }
    if bucket.moves_seq > known then
        local all = call('ZRANGEBYSCORE', prefix .. KEY.moved, known * 256 + 256, '+inf',
            'WITHSCORES', 'LIMIT', 0, MOVES_REPLY)
        for i = 1, #all, 2 do
            local score = tonumber(all[i + 1])
            reply[#reply + 1] = all[i]
            reply[#reply + 1] = score % 256
            reply[reply_moves.seq] = math.floor(score / 256)
        end
    end
    return reply
end
