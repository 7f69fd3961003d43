-- document.lua: which document of an event is the newer one, and its digest.

-- A version alone does not tell: what was written before a loss and what was written after it may bear
-- the same number. So each closing of a heal begins an era (its time in ms), and versions are compared
-- within one. What a front knows of an earlier era is newer than what Redis has in one case only: the
-- era is the one just before, and nobody has written anything since the heal.
local function document_behind(version, known_version, known_era)
    local era, healed, healed_from = unpack(call('HMGET', CFG, 'era', 'healed', 'healed_from'))
    era = tonumber(era) or 0
    if known_era >= era then
        return known_era > era or known_version > version
    end
    return known_version > version and version == tonumber(healed) and known_era == tonumber(healed_from)
end

-- After each writing: what fronts compare, since equal numbers may hide different documents.
local function sign_document()
    local parts = call('HMGET', CFG, 'doc', knobs.names)
    for i, part in ipairs(parts) do
        parts[i] = part or ''
    end
    local digest = redis.sha1hex(table.concat(parts, '\n'))
    call('HSET', CFG, 'digest', digest)
    return digest
end
