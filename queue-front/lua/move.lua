-- move.lua: moves a place to another device.
--
-- Arguments ask_move with `make`, `look` or `take`, returns reply_move. CONFLICT: the place was computed from another
-- draw.
--
-- `moved` has one member for each place that has ever moved: score = number of the move * 256 + moves of the place. A
-- ticket contains its number of moves; if that is lower than the score's, the ticket is void. Fronts get the newest
-- moves with their ticks.
--
-- A code is a key with a time to live: "entry:moves:visitor:user"; `user` is empty until the code is used, and then
-- names the user. It is kept for the rest of its life, so that the same device may repeat the call if the reply was
-- lost. It belongs to one number of moves: once the place has moved, with whatever code, all older codes are void. And
-- to one incarnation of the event, whose random digits are in its name.
--
-- Only the taker of the code changes anything, and Redis runs one script at a time: of two takers, one finds it
-- unused.

local cfg = cfg_read(cfg_move.names)
local refused = refusal(cfg[cfg_move.boot])
if refused then
    return refused
end
local state = tonumber(cfg[cfg_move.state])
local code_key = root .. KEY.code .. string.sub(incarnation, -6) .. ARGV[ask_move.code]

local function answer(outcome, entry, moves, visitor, retry_ms, turn)
    return {
        [reply_move.outcome] = outcome,
        [reply_move.state] = state,
        [reply_move.retry_ms] = retry_ms or 0,
        [reply_move.entry] = entry or 0,
        [reply_move.moves] = moves or 0,
        [reply_move.visitor] = visitor or '',
        [reply_move.turn] = turn or NO_TURN,
    }
end

-- Why the place cannot be moved once more, and how its visit ended; nil: it can.
local function stuck(entry, moves)
    local place = ARGV[ask_move.place]
    local function is_set(name)
        return call('GETBIT', prefix .. name, place) == 1
    end
    if state == CLOSED then
        return WRONG_STATE
    elseif (cfg[cfg_move.entries] or '') ~= ARGV[ask_move.drawn] then
        return CONFLICT
    elseif state == PRE_QUEUE then
        if call('SISMEMBER', prefix .. KEY.early, entry) == 1 then
            return GONE
        end
    elseif is_set(KEY.gone) then
        return GONE
    elseif is_set(KEY.called) and call('ZSCORE', root .. KEY.active, session_of(place)) then
        return INSIDE
    elseif is_set(KEY.called) then -- as to a pass
        return is_set(KEY.ended) and GONE or EXPIRED, is_set(KEY.done) and DONE or ENDED
    elseif ARGV[ask_move.missed] == '1' then
        return EXPIRED
    end
    local too_many = call('ZCARD', prefix .. KEY.moved) >= MOVED_MAX and not call('ZSCORE', prefix .. KEY.moved, entry)
    return (moves >= OF_PLACE_MAX or too_many) and EXHAUSTED or nil
end

local function make()
    local entry, moves = ARGV[ask_move.entry], tonumber(ARGV[ask_move.moves])
    if tonumber(entry) > (tonumber(call('GET', prefix .. KEY.seq)) or 0) then
        return { HEAL }
    elseif moves_known(entry, moves) > moves then
        return answer(MOVED)
    end
    local why_not, turn = stuck(entry, moves)
    if why_not then
        return answer(why_not, 0, 0, '', 0, turn)
    end
    call('SET', code_key, entry .. ':' .. moves .. ':' .. ARGV[ask_move.visitor] .. ':', 'PX',
        ARGV[ask_move.life_ms])
    return answer(OK)
end

local function use()
    local guesses = guesses_made()
    if guesses.are_over(ARGV[ask_move.address]) then
        return answer(LIMITED, 0, 0, '', 60000 - now_ms % 60000)
    end
    local entry, moves, visitor, user =
        string.match(call('GET', code_key) or '', '^(%d+):(%d+):(%x+):(%x*)$')
    if not entry then
        guesses.note(ARGV[ask_move.address])
        return answer(NO_CODE)
    end
    moves = tonumber(moves)
    if lane == 0 then -- codes have no lane; the visitor's first byte tells lanes apart
        lane = tonumber(string.sub(visitor, 1, 2), 16) % 128
        prefix = prefix_of(lane)
    end
    if user ~= '' and user == ARGV[ask_move.user] then
        if moves_known(entry, moves + 1) > moves + 1 then
            return answer(CODE_USED) -- and has moved again since
        end
        return answer(SAME, entry, moves + 1, visitor)
    elseif user ~= '' or moves_known(entry, moves) > moves then
        return answer(CODE_USED)
    elseif ARGV[ask_move.call] == 'look' then
        return answer(OK, entry, moves, visitor)
    end
    local why_not, turn = stuck(entry, moves)
    if why_not then
        return answer(why_not, 0, 0, '', 0, turn)
    end
    moves_write(entry, moves + 1)
    -- For a visitor without a cookie or key, a mark that nobody can match.
    user = ARGV[ask_move.user] ~= '' and ARGV[ask_move.user] or '0'
    call('SET', code_key, entry .. ':' .. moves .. ':' .. visitor .. ':' .. user, 'KEEPTTL')
    return answer(OK, entry, moves + 1, visitor)
end

if ARGV[ask_move.call] == 'make' then
    return make()
end
return use()
