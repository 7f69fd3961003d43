-- visitors.lua: takes away what belongs to visitors.

-- All that an event keeps for its visitors' sake alone, but for the keys of joins.
local VISITOR_KEYS = { 'called', 'gone', 'ended', 'skipped', 'hist', 'door', 'knock', 'back', 'early',
    'moved', 'marks', 'left', 'fronts', 'tellers', 'contacts', 'aways', 'active', 'ends', 'members', 'lanes', 'pilot',
    'done', 'turns', 'kept', 'gaps', 'picture', 'codes', 'opened' }
local function unlink_visitors()
    each_line(function()
        for _, page in ipairs(call('ZRANGE', prefix .. 'aways', 0, -1)) do
            call('UNLINK', away_key(page)) -- 65,536 places each, so there are few
        end
        for _, name in ipairs(VISITOR_KEYS) do
            call('UNLINK', prefix .. name)
        end
    end)
end
