-- paced.lua: get.lua with a random pause between an answer and the next request, 27 ms on average: 250
-- connections then send as many requests as 250,000 visitors who poll every 27 s.

dofile(os.getenv("WRK_DIR") .. "/get.lua")

function delay()
   return math.random(0, 54)
end
