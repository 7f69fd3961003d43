-- paced.lua: get.lua, but each connection waits between its answer and its next request, by chance, 27 ms on
-- average: 250 connections then ask as often as 250,000 visitors do who poll every 27 s.

dofile(os.getenv("WRK_DIR") .. "/get.lua")

function delay()
   return math.random(0, 54)
end
