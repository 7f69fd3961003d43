-- audit.lua: the audit trail.

-- `entry` is a JSON object; its time is the stream id.
local function audit(entry, version)
    call('XADD', root .. KEY.audit, 'MAXLEN', '~', 10000, '*', 'a', entry, 'v', version)
    call('DEL', root .. KEY.picture) -- changes must be visible at once
end
