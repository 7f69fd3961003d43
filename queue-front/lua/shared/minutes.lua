-- minutes.lua: forgets joins and work counted in past minutes, from `from` on, however much time has passed: nothing
-- was counted while no script ran.
local function forget_minutes(from, minute)
    for old = from, math.min(minute - 1, from + WORK_MINUTES + 9) do
        call('UNLINK', root .. KEY.ip .. old, root .. KEY.work .. old - WORK_MINUTES)
    end
end
