-- series.lua: samples of the line, one per second, and data that is kept for only some minutes.

local SERIES_MAX = 4096      -- samples kept; when full, every second one is deleted and the step doubles

local function thin_series()
    local all = call('LRANGE', prefix .. KEY.series, 0, -1)
    local kept = {}
    for i = 2, #all, 2 do
        kept[#kept + 1] = all[i]
    end
    call('DEL', prefix .. KEY.series)
    for i = 1, #kept, 512 do
        call('RPUSH', prefix .. KEY.series, unpack(kept, i, math.min(i + 511, #kept)))
    end
    bucket.series_step_ms = bucket.series_step_ms * 2
end

local function sample(waiting, active, outstanding)
    if now_ms < bucket.series_at_ms then
        return
    end
    bucket.series_step_ms = math.max(1000, bucket.series_step_ms)
    local line = table.concat({ now_ms, issued, serving, waiting, active, outstanding,
        bucket.admitted, bucket.no_shows, rate_milli }, ':')
    local show_milli = 1000
    if bucket.show_of > 0 then
        show_milli = math.floor(1000 * bucket.show_came / bucket.show_of + 0.5)
    end
    line = line .. ':' .. show_milli
    for _, sum in ipairs(call('HMGET', prefix .. KEY.told, unpack(SUMS))) do
        line = line .. ':' .. (sum or 0)
    end
    line = line .. ':' .. bucket.late_ms .. ':' .. bucket.raised
    if call('RPUSH', prefix .. KEY.series, line) >= SERIES_MAX then
        thin_series()
    end
    bucket.series_at_ms = now_ms - now_ms % bucket.series_step_ms + bucket.series_step_ms
end

-- Counts of joins by address are useless after their minute, or once nobody can join. An expiry would cost each batch a
-- call and free a large hash in the foreground; UNLINK frees it in the background.
local function clear_old_minutes()
    local minute = math.floor(now_ms / 60000)
    if bucket.minute > 0 then
        forget_minutes(bucket.minute, state == CLOSED and minute + 1 or minute)
    end
    bucket.minute = minute
end
