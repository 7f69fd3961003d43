-- status.lua: the shared status, as browsers ask again: nine times in ten they know the last one, and
-- say so; where nothing has changed the answer says just that.
dofile(os.getenv("WRK_DIR") .. "/report.lua")

local event = os.getenv("WRK_EVENT") or "demo"
local tag, n, head = nil, 0, nil

function init(args)
   head = "GET /v1/queue/" .. event .. "/status HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n"
end

function request()
   n = n + 1
   if tag == nil or n % 10 == 0 then return head .. "\r\n" end
   return head .. "If-None-Match: " .. tag .. "\r\n\r\n"
end

function response(status, headers, body)
   if headers["ETag"] then tag = headers["ETag"] end
end
