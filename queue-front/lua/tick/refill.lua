-- refill.lua: tokens and slots.
--
-- Exactness. A rate in thousandths times microseconds is in billionths of a token, so the refill is exact integer
-- arithmetic. Elapsed time counts up to ELAPSED_MAX_US, so that a stall does not admit its crowd at once; the excess
-- is summed up in `late_ms`. Saved tokens are capped at `burst` before and after calling, and at 0 for rate 0: a knob
-- also limits tokens saved before it was changed. Hence in any window of T seconds at most rate * (T + 0.25) + burst
-- are called, however many fronts tick.
--
-- Slots. With n people called and still in time, a measured show-up ratio r, and c who have come, n * r - c more are
-- expected. So a stretch whose people have come holds back nothing for the rest of its time. Visitors at the door go
-- ahead of everybody who is not called yet.

local ELAPSED_MAX_US = 250000
local SHOW_PRIOR = 20        -- assumed number of people who came before any measurement

local function saved_most()
    return rate_milli > 0 and math.max(#shares + 1, burst) * TOKEN or 0
end

local function cap_saved()
    bucket.nano = math.min(bucket.nano, saved_most())
end

local function refill()
    cap_saved()
    if bucket.at_us > 0 and lane == 0 then
        local elapsed_us = math.max(0, now_us - bucket.at_us)
        bucket.nano = bucket.nano + math.min(elapsed_us, ELAPSED_MAX_US) * rate_milli
        if state == OPEN and elapsed_us > ELAPSED_MAX_US then
            bucket.late_ms = bucket.late_ms + math.floor((elapsed_us - ELAPSED_MAX_US) / 1000 + 0.5)
        end
    end
end

-- Late visitors at the door get tokens before anybody is called. The token of one who left is lost: returned, it would
-- exceed the burst.
local function pay_door(late_n)
    bucket.dues = math.min(bucket.dues, late_n)
    local paid = math.min(late_n - bucket.dues, math.floor(bucket.nano / TOKEN))
    bucket.nano = bucket.nano - paid * TOKEN
    bucket.dues = bucket.dues + paid
end

-- How many called visitors who have not come yet are still expected.
local function expected_n(late_n)
    local show = (bucket.show_came + SHOW_PRIOR) / (bucket.show_of + SHOW_PRIOR)
    local outstanding = bucket.called_n - bucket.came_n
    local expected = math.ceil(show * bucket.called_n - bucket.came_n - 0.000001)
    return math.min(math.max(expected, door_n - late_n, 0), outstanding)
end

local function free_slots(active, late_n)
    if max_active == 0 or lane > 0 then
        return math.huge -- a lane's calls were counted when it got its tokens
    end
    return max_active - active - expected_n(late_n) - late_n - lanes_expected
end
