-- gaps.lua: skips places that a heal left out.

local gaps, gap_at = {}, 1

-- Applies gaps that heal.lua could only note before a draw. Entries are not places; the draw has
-- scattered those that took part.
local function take_up_gaps()
    local drawn = tonumber(call('HGET', prefix .. KEY.cfg, 'entries')) or 0
    for _, gap in ipairs(gaps_parse(call('GET', prefix .. KEY.gaps))) do
        gap.from = math.max(gap.from, drawn + 1)
        if gap.from <= gap.upto then
            gaps[#gaps + 1] = gap
            gap_away(bucket, gap)
            bucket.ghosts_n = bucket.ghosts_n + gap.upto - gap.from + 1
        end
    end
    gaps_write(gaps)
    bucket.gap_pending, bucket.gap_upto = 0, #gaps > 0 and gaps[#gaps].upto or 0
end

local function read_gaps()
    gaps, gap_at = {}, 1
    if bucket.gap_pending > 0 and state > PRE_QUEUE then
        take_up_gaps()
    elseif bucket.gap_upto > serving then
        gaps = gaps_parse(call('GET', prefix .. KEY.gaps))
    end
end

-- The first place of from..upto with an owner, or the one after them.
local function somebodys(from, upto)
    local found
    each_page(from, upto, function(page, low, high)
        local bit = not found and call('BITPOS', away_key(page), 0, low, high, 'BIT')
        if bit and bit >= 0 then
            found = page * PAGE + math.max(bit, low)
        end
    end)
    return found or upto + 1
end

-- Skips unowned places of a gap, however many, unless some of them were given up.
local function pass_gap()
    while gaps[gap_at] and gaps[gap_at].upto <= serving do
        gap_at = gap_at + 1
    end
    local gap = gaps[gap_at]
    if not gap or serving + 1 < gap.from then
        return
    end
    local first, last = serving + 1, somebodys(serving + 1, gap.upto) - 1
    if last >= first and (bucket.left_n == 0 or bits(KEY.gone, serving, last) == 0) then
        set_bits(prefix .. KEY.skipped, first, last)
        bucket.skipped_n = bucket.skipped_n + last - serving
        bucket.ghosts_n = bucket.ghosts_n - (last - serving)
        serving = last
    end
end

-- Up to where each place is checked before there may be another gap to skip.
local function walk_upto()
    local gap = gaps[gap_at]
    if not gap or gap.upto <= serving then
        return issued
    end
    return serving + 1 < gap.from and gap.from - 1 or gap.upto
end

-- Counts the places just skipped that belong to a gap.
local function note_passed(before)
    for _, gap in ipairs(gaps) do
        bucket.gap_passed = bucket.gap_passed +
            bits(KEY.skipped, math.max(before, gap.from - 1), math.min(serving, gap.upto))
    end
    if #gaps > 0 and gaps[1].upto <= serving then
        while gaps[1] and gaps[1].upto <= serving do
            table.remove(gaps, 1)
        end
        gaps_write(gaps)
    end
end

local function gaps_reply()
    local nobodys = 0
    for _, gap in ipairs(gaps) do
        each_page(math.max(gap.from, serving + 1), gap.upto, function(page, low, high)
            nobodys = nobodys + call('BITCOUNT', away_key(page), low, high, 'BIT')
        end)
    end
    return {
        [reply_gaps.nobodys] = math.min(nobodys, bucket.ghosts_n),
        [reply_gaps.passed] = bucket.gap_passed,
        [reply_gaps.ranges] = gaps_text(gaps),
        [reply_gaps.raised] = math.min(bucket.raised, issued),
    }
end
