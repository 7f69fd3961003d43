-- verify.lua: is this pass good? What an edge asks for each request behind it.
--   WRK_BEARER   an admission pass
dofile(os.getenv("WRK_DIR") .. "/report.lua")

local whole

function init(args)
   whole = "GET /v1/queue/" .. (os.getenv("WRK_EVENT") or "demo") .. "/verify HTTP/1.1\r\nHost: " ..
      wrk.host .. "\r\nAuthorization: Bearer " .. os.getenv("WRK_BEARER") .. "\r\n\r\n"
end

function request()
   return whole
end
