-- early.lua: visitors who left before the draw.

-- A permutation with 64-bit rounds exceeds Lua's numbers, so fronts compute the positions of these few
-- entries: one tick sends them out, and the next brings the positions, from any front; each counts once.
local function settle_early()
    local before = ask_tick.words -- the pairs come after everything else
    for i = 1, tonumber(ARGV[ask_tick.early_len]) do
        local entry, position = ARGV[before - 1 + 2 * i], tonumber(ARGV[before + 2 * i])
        if call('SREM', prefix .. KEY.early, entry) == 1 then
            bucket.early_n = bucket.early_n - 1
            local came = call('GETBIT', prefix .. KEY.called, position) == 1
            if not came then
                call('SETBIT', prefix .. KEY.gone, position, 1)
            end
            if position > serving and away_left(bucket, position) then
                bucket.ghosts_n = bucket.ghosts_n - 1
            end
            if position <= serving then
                bucket.left_n = bucket.left_n - 1
                if position > bucket.settled and not came then
                    call_given_up(bucket)
                end
            end
        end
    end
end
