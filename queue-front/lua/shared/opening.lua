-- opening.lua: what an epoch of a shard is known by.
--
-- It is opened by a word that the shard made up ("RUN@TIME") with a mark of all cuts up to its seal ("+MARK"). Where cuts
-- were lost, other cuts may have sealed an epoch of the same number; the mark tells them apart, and it is all that is known
-- of an epoch whose seal fronts have brought back. A shard that was opened by the version before has no mark, and is
-- believed. The mark is six digits of the checksum at most: no more fits into what the fronts of that version read.

local function mark_of(sum)
    return string.format('+%x', sum % 16777216)
end

local function word_of(opening)
    return string.match(opening, '^[^+]*')
end

-- `known`: of the opening, by the cuts. '': nothing.
local function is_opened_by(known, opened)
    if known == '' or known == opened then
        return true
    end
    local has_mark = string.find(opened, '+', 1, true)
    return word_of(known) == '' and (not has_mark or string.sub(opened, -#known) == known)
end
