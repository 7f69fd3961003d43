-- document.lua: compares the versions of an event's document, and its digest.

-- The version alone is not enough: a document written before a loss and one written after it may have
-- the same number. So each heal begins an era (its time in ms), and versions compare only within one. A
-- front's document of an earlier era is newer than Redis's in one case only: the era is the previous
-- one, and nobody has written anything since the heal.
local function document_behind(version, known_version, known_era)
    local era, healed, healed_from = unpack(call('HMGET', CFG, 'era', 'healed', 'healed_from'))
    era = tonumber(era) or 0
    if known_era >= era then
        return known_era > era or known_version > version
    end
    return known_version > version and version == tonumber(healed) and known_era == tonumber(healed_from)
end

-- Call after each write: fronts compare the digest, since equal numbers may hide different documents.
local function sign_document()
    local parts = call('HMGET', CFG, 'doc', knobs.names)
    for i, part in ipairs(parts) do
        parts[i] = part or ''
    end
    local digest = redis.sha1hex(table.concat(parts, '\n'))
    call('HSET', CFG, 'digest', digest)
    return digest
end
