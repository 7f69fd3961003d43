-- share.lua: divides the event's tokens among its lanes.

local LANE_SILENT_MS = 2000  -- a lane without ticks wants nothing

-- Divides `tokens` among lanes by weight, each up to what it wants; the rest goes to the others. `credit` is how far a
-- lane is behind its share, in tokens: fractions are owed, so that 30 % are 30 % at one token per tick as well. A lane
-- that wants nothing saves nothing. If another lane has had more than its share, more may be owed than there is: it
-- stays owed.
local function allot(tokens, lanes)
    local wanted = 0
    for i = 0, #shares do
        local one = lanes[i]
        wanted, one.given = wanted + one.want, 0
        if one.want == 0 then
            one.credit = 0
        end
    end
    if wanted <= tokens then
        for i = 0, #shares do
            lanes[i].given, lanes[i].credit = lanes[i].want, 0
        end
        return
    end
    local function give(one, number)
        one.given, one.credit, tokens = one.given + number, one.credit - number, tokens - number
    end
    local to_share = tokens
    for _ = 0, #shares do
        local weights = 0
        for i = 0, #shares do
            weights = weights + (lanes[i].given < lanes[i].want and lanes[i].weight or 0)
        end
        local left_over = 0
        for i = 0, #shares do
            local one = lanes[i]
            if one.given < one.want then
                one.credit = one.credit + to_share * one.weight / weights
                give(one, math.min(one.want - one.given, math.max(0, math.floor(one.credit)), tokens))
                if one.given == one.want then
                    left_over, one.credit = left_over + math.max(0, one.credit), 0
                end
            end
        end
        to_share = left_over
    end
    while tokens >= 1 do -- less than one per lane: fractions
        local next
        for i = 0, #shares do
            local one = lanes[i]
            if one.given < one.want and (not next or one.credit > next.credit) then
                next = one
            end
        end
        give(next, 1)
    end
end

-- The last report of each lane's own tick.
local function lanes_read()
    local reports = {}
    local fields = call('HGETALL', root .. KEY.lanes)
    for i = 1, #fields, 2 do
        reports[fields[i]] = tonumber(fields[i + 1])
    end
    local lanes, general = {}, 100
    for i, share in ipairs(shares) do
        local fresh = (reports['at' .. i] or 0) > now_ms - LANE_SILENT_MS
        lanes[i] = {
            weight = share,
            want = fresh and reports['want' .. i] or 0,
            expected = fresh and reports['expected' .. i] or 0,
            credit = (reports['credit' .. i] or 0) / 1000000,
        }
        general = general - share
    end
    lanes[0] = {
        weight = general,
        want = state == OPEN and math.max(0, issued - serving - bucket.left_n) or 0,
        expected = 0,
        credit = (reports.credit0 or 0) / 1000000,
    }
    return lanes
end

-- The event's own tick gives each lane tokens from its bucket; the lane's tick, which follows, calls with them.
local function share_out(active, late_n)
    local lanes = lanes_read()
    for i = 1, #shares do
        lanes_expected = lanes_expected + lanes[i].expected
    end
    local tokens = math.min(math.floor(bucket.nano / TOKEN), free_slots(active, late_n), math.max(#shares + 1, burst))
    own_tokens = 0
    if tokens < 1 then
        return
    end
    allot(tokens, lanes)
    own_tokens = lanes[0].given
    local credits = {}
    for i = 0, #shares do
        credits[#credits + 1] = 'credit' .. i
        credits[#credits + 1] = math.floor(lanes[i].credit * 1000000 + 0.5)
        if i > 0 and lanes[i].given > 0 then
            bucket.nano = bucket.nano - lanes[i].given * TOKEN
            lanes_expected = lanes_expected + lanes[i].given
            call('HINCRBY', prefix_of(i) .. KEY.bucket, 'nano', lanes[i].given * TOKEN)
        end
    end
    call('HSET', root .. KEY.lanes, unpack(credits))
end

-- A lane that skipped ghosts and found nobody yet keeps nothing: that would exceed what the event may save.
local function give_back()
    if bucket.nano > 0 then
        local saved = tonumber(call('HGET', root .. KEY.bucket, 'nano')) or 0
        call('HSET', root .. KEY.bucket, 'nano', math.min(saved + bucket.nano, saved_most()))
        bucket.nano = 0
    end
end

-- A lane's tick reports what it could use, and returns what it did not. A late visitor who owes a token is among those
-- who want one, and is expected once there is one. If they were expected before, as many as there are slots would leave
-- none free, no lane would get tokens, and they would wait at the door for ever.
local function report_wants(late_n)
    local waiting = state == OPEN and math.max(0, issued - serving - bucket.left_n) or 0
    local unpaid = math.max(0, late_n - bucket.dues)
    give_back()
    call('HSET', root .. KEY.lanes, 'want' .. lane, waiting + unpaid, 'expected' .. lane,
        expected_n(late_n) + late_n - unpaid, 'at' .. lane, now_ms)
end
