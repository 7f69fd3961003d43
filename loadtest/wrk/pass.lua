-- pass.lua: people who were called come in, each ticket in turn; from the second round on it is the same visit
-- again. Each costs one signature and one call of Redis.
--   WRK_TICKETS  as tickets.lua says
dofile(os.getenv("WRK_DIR") .. "/tickets.lua")

each_ticket("POST", "pass", "Content-Length: 0\r\n")
