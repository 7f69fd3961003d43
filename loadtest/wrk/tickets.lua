-- tickets.lua: not a request: the same one of many visitors in turn, so that no answer is for one place alone.
-- me.lua and pass.lua load it and say what is asked:
--   WRK_TICKETS  file with one position ticket a line
dofile(os.getenv("WRK_DIR") .. "/report.lua")

local event = os.getenv("WRK_EVENT") or "demo"

function each_ticket(method, call, headers)
   local texts, nth = {}, 0

   function init(args)
      for line in io.lines(os.getenv("WRK_TICKETS")) do
         texts[#texts + 1] = method .. " /v1/queue/" .. event .. "/" .. call .. " HTTP/1.1\r\n" ..
            "Host: " .. wrk.host .. "\r\nAuthorization: Bearer " .. line .. "\r\n" .. headers .. "\r\n"
      end
      assert(#texts > 0, "WRK_TICKETS has no ticket")
   end

   function request()
      nth = nth % #texts + 1
      return texts[nth]
   end
end
