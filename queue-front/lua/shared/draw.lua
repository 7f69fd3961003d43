-- draw.lua: closing the entries, and the draw.

-- The draw has two halves. First the entries close: everybody with a number takes part, and later visitors
-- stand behind them. Each lane has a draw of its own, closed and made in the same steps. What either half
-- writes is never written again.
local function close_entries()
    each_line(function()
        local cfg = prefix .. 'cfg'
        if call('HEXISTS', cfg, 'closed') == 0 then
            call('HSET', cfg, 'closed', tonumber(call('GET', prefix .. 'seq')) or 0, 'closed_ms',
                now_ms)
        end
    end)
end

-- Then it is made, in one step with the opening, out of what a front brings: the beacon's value with
-- its proof, and the seeds, 64 hex digits for each line. An event from before there were seals has its
-- seeds here; one from before there were draws has none, and opens in the order of joining.
local function draw(told)
    close_entries()
    each_line(function()
        local cfg = prefix .. 'cfg'
        local seed = string.sub(told.seeds, 64 * lane + 1, 64 * lane + 64)
        if seed == '' then
            seed = call('HGET', cfg, 'seed')
        end
        if seed and call('HEXISTS', cfg, 'entries') == 0 then
            call('HSET', cfg, 'seed', seed, 'entries', call('HGET', cfg, 'closed'), 'beacon',
                told.beacon, 'drawn_ms', now_ms)
        end
    end)
    call('HSETNX', CFG, 'proof', told.proof)
end

-- A lane of an event from before there were seals begins with a seed of its own, made of the event's.
local function begin_lanes(run_id)
    local seed = call('HEXISTS', CFG, 'sealed') == 0 and call('HGET', CFG, 'seed')
    each_line(function()
        if lane > 0 then
            call('HSETNX', prefix .. 'cfg', 'boot', run_id)
        end
        if lane > 0 and seed then
            local own = redis.sha1hex(seed .. '#' .. lane) .. redis.sha1hex(lane .. '#' .. seed)
            call('HSETNX', prefix .. 'cfg', 'seed', string.sub(own, 1, 64))
        end
    end)
end
