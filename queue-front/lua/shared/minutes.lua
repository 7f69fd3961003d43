-- minutes.lua: forgets joins and work that were counted in minutes that are over, `from` and later. Whatever time passed
-- since: nobody was counted while nobody ran.
local function forget_minutes(from, minute)
    for old = from, math.min(minute - 1, from + WORK_MINUTES + 9) do
        call('UNLINK', root .. KEY.ip .. old, root .. KEY.work .. old - WORK_MINUTES)
    end
end
