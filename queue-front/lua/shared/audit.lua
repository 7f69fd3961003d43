-- audit.lua: the audit trail.

-- `entry` is a JSON object; when it was written is the stream's own id.
local function audit(entry, version)
    call('XADD', root .. KEY.audit, 'MAXLEN', '~', 10000, '*', 'a', entry, 'v', version)
    call('DEL', root .. KEY.picture) -- what changed is to be seen at once
end
