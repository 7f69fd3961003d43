-- line.lua: the state of the line, read once and kept in locals that the other files of tick/ change.

local asked = lane -- the line that this front ticks; work is done for all lines of the event
local cfg, version, state, issued, serving, rate_milli, burst, max_active, call_ttl_ms, grace_ms
local era, digest, served_ms, halted_ms, hall_until_ms
local shares, pilot, bucket, door_n, own_tokens, lanes_expected

-- The autopilot's rate replaces the knob's. Whatever value is stored, it never exceeds the ceiling; if
-- there is none (Redis has lost it), the floor is safe.
local function read_pilot()
    local ceiling_milli = tonumber(cfg[cfg_tick.pilot_ceiling_milli]) or 0
    pilot = {}
    if ceiling_milli > 0 then
        pilot = call('HMGET', root .. KEY.pilot, reply_pilot.names)
        local floor_milli = tonumber(cfg[cfg_tick.pilot_floor_milli])
        rate_milli = math.min(tonumber(pilot[reply_pilot.rate_milli]) or floor_milli, ceiling_milli)
        pilot[reply_pilot.rate_milli] = rate_milli
        for i = reply_pilot.at_ms, reply_pilot.words do
            pilot[i] = pilot[i] or (i < reply_pilot.reason and 0 or '')
        end
    end
end

local function read_event()
    cfg = cfg_read(cfg_tick.names)
    local counters = call('MGET', prefix .. KEY.seq, prefix .. KEY.serving)
    version, state = tonumber(cfg[cfg_tick.version]) or 0, tonumber(cfg[cfg_tick.state])
    issued, serving = tonumber(counters[1]) or 0, tonumber(counters[2]) or 0
    era, digest = tonumber(cfg[cfg_tick.era]) or 0, cfg[cfg_tick.digest] or ''
    served_ms = tonumber(cfg[cfg_tick.served_ms]) or 0
    halted_ms = tonumber(cfg[cfg_tick.visits_halted_ms]) or 0
    hall_until_ms = tonumber(cfg[cfg_tick.hall_until_ms]) or 0
    visits_set(cfg[cfg_tick.visits_stood_ms], cfg[cfg_tick.visits_halted_ms])
end

local function has_document()
    return version == known_version and era == known_era and digest == known_digest
end

local function read_line()
    rate_milli, burst = tonumber(cfg[cfg_tick.rate_milli]), tonumber(cfg[cfg_tick.burst])
    max_active = tonumber(cfg[cfg_tick.max_active])
    call_ttl_ms, grace_ms = tonumber(cfg[cfg_tick.call_ttl_ms]), tonumber(cfg[cfg_tick.grace_ms])
    shares = shares_of(cfg[cfg_tick.shares])
    read_pilot()
    bucket = bucket_read('at_us', 'nano', 'dues', 'called_n', 'came_n', 'left_n', 'settled',
        'dead', 'admitted', 'no_shows', 'show_came', 'show_of', 'rate_places', 'rate_us',
        'generation', 'last_upto', 'last_called_ms', 'last_expires_ms', 'series_at_ms',
        'series_step_ms', 'phantoms', 'phantom_until_ms', 'healed_upto', 'healed_came', 'minute',
        'heard_epoch', 'heard_upto', 'heard_next', 'skipped_n', 'early_n', 'moves_run', 'moves_seq',
        'epoch_ms', 'judged_epoch', 'judge_next', 'judged', 'ghosts_n', 'away_seq', 'away_whole',
        'away_at_ms', 'gap_pending', 'gap_upto', 'gap_passed', 'late_ms', 'stood_ms', 'frozen_ms',
        'thawed_ms', 'raised')
    door_n = call('ZCARD', prefix .. KEY.door)
    own_tokens, lanes_expected = math.huge, 0 -- of the general line; see share_out()
end
