-- holds.lua: each request holds the next seat; nobody asks twice for the same one.
--   PASSES  file with one admission pass a line; connections take them in turn
--   BODY    "seat": {"seats":["r1s1"]} scattered over the hall; "area": one place of the area "floor"
--   FROM, SEATS, SEATS_PER_ROW
dofile(os.getenv("WRK_DIR") .. "/report.lua")

local passes, nth = {}, 0
for line in io.lines(os.getenv("PASSES")) do passes[#passes + 1] = line end
local at = tonumber(os.getenv("FROM") or "0")
local per_row = tonumber(os.getenv("SEATS_PER_ROW") or "256")
local seats = tonumber(os.getenv("SEATS") or "256")
local area = os.getenv("BODY") == "area"
local path = os.getenv("HOLDS_PATH")
local statuses = {}

function request()
   nth = nth % #passes + 1
   local body
   if area then
      body = '{"area":"floor","quantity":1}'
   else
      local seat = at * 7919 % seats -- a prime that divides no hall: each seat once
      body = string.format('{"seats":["r%ds%d"]}', math.floor(seat / per_row) + 1, seat % per_row + 1)
      at = at + 1
   end
   return wrk.format("POST", path, {
      ["Authorization"] = "Bearer " .. passes[nth],
      ["Content-Type"] = "application/json",
   }, body)
end
