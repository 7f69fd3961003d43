-- join.lua: each request is a new visitor who joins the line with a key of its own, so that each
-- gets a real place. The request is concatenated by hand: wrk.format() would cost the load
-- generator more than the join costs the server, and wrk would measure itself.
--   WRK_ADDRESSES  gives each visitor an address of their own, counting up from this number; the
--                  server must trust us as its proxy

dofile(os.getenv("WRK_DIR") .. "/report.lua")

local event = os.getenv("WRK_EVENT") or "demo"
local salt = os.getenv("WRK_SALT") or tostring(os.time())
local first_address = tonumber(os.getenv("WRK_ADDRESSES") or "")
local threads = 0
local n = 0
local before, after

function setup(thread)
   thread:set("id", threads)
   threads = threads + 1
end

function init(args)
   before = "POST /v1/queue/" .. event .. "/join HTTP/1.1\r\nHost: " .. wrk.host ..
      "\r\nContent-Length: 0\r\nIdempotency-Key: " .. salt .. "-" .. id .. "-"
   after = "\r\n\r\n"
end

function request()
   n = n + 1
   if first_address then
      local at = first_address + n
      return before .. n .. "\r\nX-Forwarded-For: 10." .. bit.band(bit.rshift(at, 16), 255) .. "." ..
         bit.band(bit.rshift(at, 8), 255) .. "." .. bit.band(at, 255) .. after
   end
   return before .. n .. after
end
