-- me.lua: visitors who poll.
--   WRK_TICKETS  as tickets.lua says
dofile(os.getenv("WRK_DIR") .. "/tickets.lua")

each_ticket("GET", "me", "")
