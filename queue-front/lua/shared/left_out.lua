-- left_out.lua: adds a range of places without a known owner.

-- Merges ranges that overlap or adjoin.
local function gaps_joined(gaps)
    table.sort(gaps, function(a, b) return a.from < b.from end)
    local joined = {}
    for _, gap in ipairs(gaps) do
        local last = joined[#joined]
        if last and gap.from <= last.upto + 1 then
            last.upto = math.max(last.upto, gap.upto)
        else
            joined[#joined + 1] = { from = gap.from, upto = gap.upto }
        end
    end
    return joined
end

-- Drops the first of too many; their places count as people's until they become ghosts.
local function gaps_keep(bucket, gaps)
    local kept = gaps_joined(gaps)
    while #kept > GAPS_MAX do
        table.remove(kept, 1)
    end
    bucket.gap_upto = #kept > 0 and kept[#kept].upto or 0
    gaps_write(kept)
    call('DEL', prefix .. KEY.picture) -- it would count these places as joins
end

-- While a draw may come a gap is only noted; tick.lua applies it when places are final.
local function gaps_note_only(bucket, state, drawn)
    if state <= PRE_QUEUE and not drawn then
        bucket.gap_pending = 1
    end
    return bucket.gap_pending > 0
end

-- Skips these places, which are the newest.
local function leave_out(gap, state, drawn)
    local bucket = bucket_read('ghosts_n', 'away_seq', 'away_whole', 'away_at_ms', 'gap_pending', 'gap_upto', 'raised')
    local size = gap.upto - gap.from + 1
    bucket.raised = bucket.raised + size
    if not gaps_note_only(bucket, state, drawn) then
        gap_away(bucket, gap)
        bucket.ghosts_n = bucket.ghosts_n + size
    end
    local gaps = gaps_parse(call('GET', prefix .. KEY.gaps))
    gaps[#gaps + 1] = gap
    gaps_keep(bucket, gaps)
    bucket_write(bucket)
end
