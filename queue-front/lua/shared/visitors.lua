-- visitors.lua: removes visitors' data.

-- All keys that only the event's visitors need, except the keys of joins.
local VISITOR_KEYS = { KEY.called, KEY.gone, KEY.ended, KEY.skipped, KEY.hist, KEY.door, KEY.knock, KEY.back, KEY.early,
    KEY.moved, KEY.marks, KEY.left, KEY.tellers, KEY.contacts, KEY.aways, KEY.active, KEY.ends, KEY.members, KEY.lanes, KEY.pilot,
    KEY.done, KEY.turns, KEY.kept, KEY.gaps, KEY.picture, KEY.codes, KEY.opened }
local function unlink_visitors()
    each_line(function()
        for _, page in ipairs(call('ZRANGE', prefix .. KEY.aways, 0, -1)) do
            call('UNLINK', away_key(page)) -- 65,536 places each, so there are few
        end
        for _, name in ipairs(VISITOR_KEYS) do
            call('UNLINK', prefix .. name)
        end
    end)
end
