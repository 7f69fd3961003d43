-- lanes.lua: the lines of an event: its own and those of its lanes.

-- The lanes' shares of the calls in percent, as packed by line_lanes_pack(): digits of base 128.
local function shares_of(packed)
    local shares = {}
    packed = tonumber(packed) or 0
    while packed > 0 do
        shares[#shares + 1] = packed % 128
        packed = math.floor(packed / 128)
    end
    return shares
end

-- Calls `what` for the event's line and for each lane, with `prefix` and `lane` set accordingly.
local function each_line(what)
    local was_prefix, was_lane = prefix, lane
    for i = 0, #shares_of(call('HGET', CFG, 'shares')) do
        prefix, lane = prefix_of(i), i
        what()
    end
    prefix, lane = was_prefix, was_lane
end
