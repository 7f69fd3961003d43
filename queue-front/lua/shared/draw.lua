-- draw.lua: closing the entries, and the draw.

-- The draw has two steps. First the entries close: everybody with a number takes part, and later visitors come after
-- them. Each lane has its own draw, closed and made in the same steps. Values written by either step are never
-- overwritten.
local function close_entries()
    each_line(function()
        local cfg = prefix .. KEY.cfg
        if call('HEXISTS', cfg, 'closed') == 0 then
            call('HSET', cfg, 'closed', tonumber(call('GET', prefix .. KEY.seq)) or 0, 'closed_ms',
                now_ms)
        end
    end)
end

-- Then the draw is made, together with the opening, from the front's values: the beacon's with its proof, and the
-- seeds, 64 hex digits per line.
local function draw(made)
    close_entries()
    each_line(function()
        local cfg = prefix .. KEY.cfg
        if call('HEXISTS', cfg, 'entries') == 0 then
            call('HSET', cfg, 'seed', string.sub(made.seeds, 64 * lane + 1, 64 * lane + 64), 'entries', call('HGET', cfg, 'closed'), 'beacon',
                made.beacon, 'drawn_ms', now_ms)
        end
    end)
    call('HSETNX', CFG, 'proof', made.proof)
end

local function begin_lanes(run_id)
    each_line(function()
        if lane > 0 then
            call('HSETNX', prefix .. KEY.cfg, 'boot', run_id)
        end
    end)
end
