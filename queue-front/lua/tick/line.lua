-- line.lua: what there is of the line, read once and kept in locals that the other files of tick/ change.

local asked = lane -- the line that this front asks for; work is done for all lines of the event
local cfg, version, state, issued, serving, rate_milli, burst, max_active, call_ttl_ms, grace_ms
local era, digest, served_ms, halted_ms
local shares, pilot, bucket, door_n, own_tokens, lanes_expected

-- The autopilot's rate stands in the place of the knob's. Whatever is written there, it is never
-- above the ceiling; where nothing is (Redis has lost it), the floor is safe.
local function read_pilot()
    local ceiling_milli = tonumber(cfg[12]) or 0
    pilot = {}
    if ceiling_milli > 0 then
        pilot = call('HMGET', root .. 'pilot', tell_pilot.names)
        rate_milli = math.min(tonumber(pilot[tell_pilot.rate_milli]) or tonumber(cfg[13]), ceiling_milli)
        pilot[tell_pilot.rate_milli] = rate_milli
        for i = tell_pilot.at_ms, tell_pilot.words do
            pilot[i] = pilot[i] or (i < tell_pilot.reason and 0 or '')
        end
    end
end

local function read_event()
    cfg = cfg_read('boot', 'version', 'state', 'rate_milli', 'burst', 'max_active',
        'call_ttl_ms', 'grace_ms', 'opens_at_ms', 'prequeue_at_ms',
        'seats_left', 'pilot_ceiling_milli', 'pilot_floor_milli', 'odds', 'shares', 'era', 'digest', 'codes',
        'codes_lost', 'served_ms', 'visits_stood_ms', 'visits_halted_ms')
    local counters = call('MGET', prefix .. 'seq', prefix .. 'serving')
    version, state = tonumber(cfg[2]) or 0, tonumber(cfg[3])
    issued, serving = tonumber(counters[1]) or 0, tonumber(counters[2]) or 0
    era, digest = tonumber(cfg[16]) or 0, cfg[17] or ''
    served_ms, halted_ms = tonumber(cfg[20]) or 0, tonumber(cfg[22]) or 0
    visits_set(cfg[21], cfg[22])
end

local function has_document()
    return version == known_version and era == known_era and digest == known_digest
end

local function read_line()
    rate_milli, burst, max_active = tonumber(cfg[4]), tonumber(cfg[5]), tonumber(cfg[6])
    call_ttl_ms, grace_ms = tonumber(cfg[7]), tonumber(cfg[8])
    shares = shares_of(cfg[15])
    read_pilot()
    bucket = bucket_read('at_us', 'nano', 'dues', 'called_n', 'came_n', 'left_n', 'settled',
        'dead', 'admitted', 'no_shows', 'show_came', 'show_of', 'rate_places', 'rate_us',
        'generation', 'last_upto', 'last_called_ms', 'last_expires_ms', 'series_at_ms',
        'series_step_ms', 'phantoms', 'phantom_until_ms', 'healed_upto', 'healed_came', 'minute',
        'heard_epoch', 'heard_upto', 'heard_next', 'skipped_n', 'early_n', 'moves_run', 'moves_seq',
        'epoch_ms', 'judged_epoch', 'judge_next', 'judged', 'ghosts_n', 'away_seq', 'away_whole',
        'away_at_ms', 'gap_pending', 'gap_upto', 'gap_passed', 'late_ms', 'stood_ms', 'thawed_ms')
    door_n = call('ZCARD', prefix .. 'door')
    own_tokens, lanes_expected = math.huge, 0 -- of the general lane; share_out() says
end
