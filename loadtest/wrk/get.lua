-- get.lua: repeats one GET, as a polling visitor sends it. Ends with one line of JSON that the bench reads.
--   WRK_BEARER   the ticket of the line or the pass, if the call needs one
--   WRK_ACCEPT   the Accept header, if it matters
--   WRK_METHOD   another method, with WRK_BODY
--   WRK_DEPTH    requests pipelined on one connection (default 1)

local depth = tonumber(os.getenv("WRK_DEPTH") or "1")
local bearer = os.getenv("WRK_BEARER")
local accept = os.getenv("WRK_ACCEPT")
local whole

function init(args)
   if bearer then wrk.headers["Authorization"] = "Bearer " .. bearer end
   if accept then wrk.headers["Accept"] = accept end
   local one = wrk.format(os.getenv("WRK_METHOD") or "GET", nil, nil, os.getenv("WRK_BODY"))
   whole = string.rep(one, depth)
end

function request()
   return whole
end

function done(summary)
   local e = summary.errors
   io.write(string.format(
      '{"requests":%d,"duration_us":%d,' ..
      '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
      summary.requests, summary.duration,
      e.connect, e.read, e.write, e.status, e.timeout))
end
