-- gaps.lua: ranges of places without a known owner.

local SERIES_RAISED = 19   -- index of `raised` in a sample of `series`

-- Sets the bits of from..upto.
local function set_bits(key, from, upto)
    while from <= upto and from % 8 ~= 0 do
        call('SETBIT', key, from, 1)
        from = from + 1
    end
    local bytes = math.max(0, math.floor((upto + 1 - from) / 8))
    if bytes > 0 then
        call('SETRANGE', key, from / 8, string.rep('\255', bytes))
    end
    for bit = from + bytes * 8, upto do
        call('SETBIT', key, bit, 1)
    end
end

-- Places that a heal skipped, in case a front that died had issued them. `gaps` is a short list of
-- those not called yet, "from:upto,from:upto". Until their owners show up they are away, like ghosts.
local function gaps_parse(text)
    local gaps = {}
    for from, upto in string.gmatch(text or '', '(%d+):(%d+)') do
        gaps[#gaps + 1] = { from = tonumber(from), upto = tonumber(upto) }
    end
    return gaps
end

local function gaps_text(gaps)
    local parts = {}
    for i, gap in ipairs(gaps) do
        parts[i] = gap.from .. ':' .. gap.upto
    end
    return table.concat(parts, ',')
end

local function gaps_write(gaps)
    if #gaps > 0 then
        call('SET', prefix .. KEY.gaps, gaps_text(gaps))
    else
        call('DEL', prefix .. KEY.gaps)
    end
end

-- Calls `what` for each page that from..upto touches, with the range of bits in it.
local function each_page(from, upto, what)
    for page = math.floor(from / PAGE), math.floor(upto / PAGE) do
        what(page, math.max(0, from - page * PAGE), math.min(PAGE - 1, upto - page * PAGE))
    end
end

-- Marks these places, which have no known owner, as away.
local function gap_away(bucket, gap)
    each_page(gap.from, gap.upto, function(page, low, high)
        set_bits(away_key(page), low, high)
        away_touch(bucket, page)
    end)
    bucket.away_whole, bucket.away_at_ms = bucket.away_seq, now_ms -- show at once
end
