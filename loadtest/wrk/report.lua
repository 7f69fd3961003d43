-- report.lua: ends a run with one line of JSON that the bench reads. Other scripts load it:
--   dofile(os.getenv("WRK_DIR") .. "/report.lua")

function done(summary)
   local e = summary.errors
   io.write(string.format(
      '{"requests":%d,"duration_us":%d,' ..
      '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
      summary.requests, summary.duration,
      e.connect, e.read, e.write, e.status, e.timeout))
end
