-- judge.lua: presence. seen.lua has the places that fronts heard from. Here, once per epoch, a place that
-- was not heard from in the whole previous epoch, nor since, becomes a ghost. Only places issued before
-- that epoch are judged (`heard_upto`), and only once every front has sent all its marks: while one is
-- silent, and after any gap in the ticks, no new ghosts are made, and existing ones stay.

local JUDGE_MAX = 4          -- pages judged per tick

-- Places not heard from in the last whole epoch, nor since, become away. Bits are only added: seen.lua
-- brings back visitors who are heard from again.
local function judge_page(epoch, page)
    local absent, left = prefix .. KEY.absent, prefix .. KEY.left
    local high = math.min(bucket.heard_upto, page * PAGE + PAGE - 1) % PAGE
    local bytes, first = math.floor(high / 8) + 1, page * PAGE_BYTES
    call('SET', left, bucket.left_n > 0 and
        call('GETRANGE', prefix .. KEY.gone, first, first + bytes - 1) or '')
    local length = call('BITOP', 'OR', absent, seen_key(epoch - 1, page), seen_key(epoch, page), left)
    if length < bytes then
        call('SETRANGE', absent, bytes - 1, '\0')
    elseif length > bytes then
        call('SET', absent, call('GETRANGE', absent, 0, bytes - 1))
    end
    call('BITOP', 'NOT', absent, absent)
    for bit = high + 1, bytes * 8 - 1 do
        call('SETBIT', absent, bit, 0)
    end
    local before = away_n(page, serving)
    call('BITOP', 'OR', away_key(page), away_key(page), absent)
    local found = away_n(page, serving) - before
    if found > 0 then
        bucket.ghosts_n = bucket.ghosts_n + found
        away_touch(bucket, page)
    end
    call('DEL', absent, left)
end

-- Whether every front has sent all marks from before this epoch. A front that sent no sign of life since
-- the last one began does not count: its visitors had a whole epoch to be heard by another front.
local function marks_are_whole(epoch)
    local gone = call('ZRANGEBYSCORE', prefix .. KEY.contacts, '-inf',
        '(' .. (epoch - 1) * bucket.epoch_ms, 'LIMIT', 0, 64)
    if #gone > 0 then
        call('ZREM', prefix .. KEY.contacts, unpack(gone))
        call('ZREM', prefix .. KEY.tellers, unpack(gone))
    end
    local last = call('ZRANGE', prefix .. KEY.tellers, 0, 0, 'WITHSCORES')
    return last[2] and tonumber(last[2]) >= epoch * bucket.epoch_ms
end

local function judge()
    if bucket.epoch_ms == 0 then
        return -- no front has sent anything yet
    end
    local epoch = math.floor(now_ms / bucket.epoch_ms)
    local gap = now_us - bucket.at_us > math.min(3000, bucket.epoch_ms / 2) * 1000
    if gap or epoch < bucket.heard_epoch or epoch > bucket.heard_epoch + 1 then
        bucket.heard_upto, bucket.heard_next = 0, 0 -- this epoch is incomplete
    elseif epoch == bucket.heard_epoch + 1 then
        bucket.heard_upto, bucket.heard_next = bucket.heard_next, issued
    end
    if epoch ~= bucket.heard_epoch then
        bucket.heard_epoch = epoch
        bucket.judge_next = 0
    end
    if bucket.judged_epoch == epoch or bucket.heard_upto <= serving or not marks_are_whole(epoch) then
        return
    end
    local last = math.floor(bucket.heard_upto / PAGE)
    local first = math.max(bucket.judge_next, math.floor((serving + 1) / PAGE))
    for page = first, math.min(first + JUDGE_MAX - 1, last) do
        judge_page(epoch, page)
        bucket.judge_next = page + 1
    end
    -- Fronts fetch the pages one by one and show them all at the same time, so that no front shows fewer
    -- people ahead than another.
    bucket.away_at_ms = now_ms + bucket.epoch_ms
    if bucket.judge_next > last then
        bucket.judged_epoch, bucket.judged = epoch, bucket.heard_upto
        bucket.away_whole = bucket.away_seq
        bucket.away_at_ms = now_ms + math.floor(bucket.epoch_ms * (1 / 15 + last / 500))
    end
end
