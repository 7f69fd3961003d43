-- opening.lua: identifies an epoch of a shard.
--
-- It is opened by a word that the shard created ("RUN@TIME") with a mark of all cuts up to its seal ("+MARK"). If cuts
-- were lost, other cuts may have sealed an epoch with the same number; the mark tells them apart, and is all that is
-- known of an epoch whose seal fronts have restored. It is at most six digits (SHARDS_OPENING_MAX).

local function mark_of(sum)
    return string.format('+%x', sum % 16777216)
end

local function word_of(opening)
    return string.match(opening, '^[^+]*')
end

-- `known`: the opening according to the cuts. '': unknown.
local function is_opened_by(known, opened)
    if known == '' or known == opened then
        return true
    end
    return word_of(known) == '' and string.sub(opened, -#known) == known
end
