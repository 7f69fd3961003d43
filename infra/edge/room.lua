-- room.lua: bounds the visitors of an image's edge by its container's memory and files, as fairgate-edge does those of
-- a machine. HAProxy's configuration cannot compute, so the bounds are sent to the running HAProxy, by its socket, $ROOM_SOCKET.

local address = os.getenv('ROOM_SOCKET')

local function number(path, pattern)
    local file = io.open(path)
    local found = file and file:read('a'):match(pattern)
    if file then file:close() end
    return tonumber(found or math.maxinteger)
end

local files = number('/proc/self/limits', 'Max open files +%d+ +(%d+)')
-- Without a limit (of version 2 or 1 of cgroups) the container may use the machine's memory.
local kilobytes = math.min(
    number('/proc/meminfo', '^MemTotal: +(%d+)'),
    number('/sys/fs/cgroup/memory.max', '^%d+') // 1024,
    number('/sys/fs/cgroup/memory/memory.limit_in_bytes', '^%d+') // 1024)
local visitors = math.min(60000, kilobytes // 100, (files // 2 - 500) * 10 // 11)
local all = visitors * 11 // 10

core.register_task(function()
    local socket = core.tcp()
    local said = socket:connect('unix@' .. address) and socket:send(
        'experimental-mode on; set var proc.maxconn int(' .. visitors .. '); set maxconn frontend edge ' .. visitors ..
        '; set maxconn global ' .. all .. '\n') and socket:receive('*a')
    socket:close()
    core.Info('room for ' .. visitors .. ' visitors: ' .. (said or 'nobody answers at ' .. address))
end)
