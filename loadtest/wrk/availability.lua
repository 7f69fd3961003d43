-- availability.lua: the picture of the hall, two bits a seat; nine times in ten only what has changed
-- since the version that the browser has.
--   WRK_BEARER   an admission pass
dofile(os.getenv("WRK_DIR") .. "/report.lua")

local path = "/v1/seats/" .. (os.getenv("WRK_EVENT") or "demo") .. "/availability"
local version, n, rest = nil, 0, nil

function init(args)
   rest = " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nAuthorization: Bearer " .. os.getenv("WRK_BEARER") ..
      "\r\nAccept: application/octet-stream\r\n\r\n"
end

function request()
   n = n + 1
   if version == nil or n % 10 == 0 then return "GET " .. path .. rest end
   return "GET " .. path .. "?since=" .. version .. rest
end

function response(status, headers, body)
   local found = headers["ETag"] and string.match(headers["ETag"], "%d+")
   if found then version = found end
end
