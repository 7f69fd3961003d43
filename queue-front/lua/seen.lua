-- seen.lua: takes a front's signs of life, and returns the places that are away. Each front calls it for
-- each line with waiting people, at most thirty times per epoch, and with each tick while it is behind.
--
-- Arguments ask_seen, returns reply_seen; then the changed pages and those sent as away.
--
-- Marks are stored as the union of all fronts' marks, by page and by the epoch in which they were made: an
-- edge spreads one visitor's polls over all fronts. They do not belong to a front, so a front that leaves
-- takes nothing with it. `tellers` says up to when each front has sent everything and `contacts` when it
-- called last; tick.lua makes ghosts only of complete marks.
--
-- A ghost with a sign of life stops being one, immediately and for everybody.
--
-- If `away` is lost it comes back from the fronts, which keep showing what they have shown: a position must
-- never get worse. It is the union of what they send, without the places seen in this epoch or the last; a
-- place seen later comes back like any ghost.

local cfg = cfg_read(cfg_seen.names)
local refused = refusal(cfg[cfg_seen.boot])
if refused then
    return refused
end
local front, epoch_ms = ARGV[ask_seen.front], tonumber(ARGV[ask_seen.epoch_ms])
local sent_ms = tonumber(ARGV[ask_seen.sent_ms])
local epoch = math.floor(now_ms / epoch_ms)
local serving = tonumber(call('GET', prefix .. KEY.serving)) or 0
local bucket = bucket_read('epoch_ms', 'heard_epoch', 'ghosts_n', 'away_seq', 'away_whole', 'away_at_ms')

if ARGV[ask_seen.leaves] == '1' then
    call('ZREM', prefix .. KEY.tellers, front)
    call('ZREM', prefix .. KEY.contacts, front)
else
    call('ZADD', prefix .. KEY.contacts, now_ms, front)
    if sent_ms > 0 then
        call('ZADD', prefix .. KEY.tellers, math.min(sent_ms, now_ms), front)
    else
        call('ZADD', prefix .. KEY.tellers, 'NX', 0, front)
    end
end
-- Fronts that disagree about epochs (the setting is being changed) would make ghosts of each other's
-- visitors: no places are judged until two whole epochs after the last call of the others.
if bucket.epoch_ms ~= epoch_ms then
    bucket.epoch_ms, bucket.heard_epoch = epoch_ms, 0
end

local MARKS, LEFT = prefix .. KEY.marks, prefix .. KEY.left

local function come_back(page)
    local first = page * PAGE_BYTES
    call('SET', LEFT, call('GETRANGE', prefix .. KEY.gone, first, first + PAGE_BYTES - 1))
    call('BITOP', 'AND', LEFT, LEFT, MARKS)
    call('BITOP', 'XOR', MARKS, MARKS, LEFT)
    if call('BITCOUNT', MARKS) > 0 then
        local before = away_n(page, serving)
        call('BITOP', 'XOR', away_key(page), away_key(page), MARKS)
        bucket.ghosts_n = math.max(0, bucket.ghosts_n - before + away_n(page, serving))
        away_touch(bucket, page)
    end
end

local function away_again(page)
    if tonumber(cfg[cfg_seen.state]) <= PRE_QUEUE then
        return -- the draw is yet to come
    end
    local first = page * PAGE_BYTES
    call('SET', LEFT, call('GETRANGE', prefix .. KEY.gone, first, first + PAGE_BYTES - 1))
    call('BITOP', 'OR', LEFT, LEFT, seen_key(epoch - 1, page), seen_key(epoch, page))
    call('BITOP', 'AND', LEFT, LEFT, MARKS)
    call('BITOP', 'XOR', MARKS, MARKS, LEFT)
    local before, held = away_n(page, serving), call('BITCOUNT', away_key(page))
    call('BITOP', 'OR', away_key(page), away_key(page), MARKS)
    if call('BITCOUNT', away_key(page)) > held then
        bucket.ghosts_n = bucket.ghosts_n + away_n(page, serving) - before
        away_touch(bucket, page)
        bucket.away_whole, bucket.away_at_ms = bucket.away_seq, now_ms -- some fronts show it already
    end
end

local away_sent = {}
for i = ask_seen.words + 1, #ARGV, 3 do
    local marked, page = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    if ARGV[i] == 'away' then
        call('SET', MARKS, ARGV[i + 2])
        away_again(page)
        away_sent[#away_sent + 1] = page
    elseif marked == epoch or marked == epoch - 1 then
        call('SET', MARKS, ARGV[i + 2])
        local key = seen_key(marked, page)
        call('BITOP', 'OR', key, key, MARKS)
        call('PEXPIRE', key, 3 * epoch_ms)
        if bucket.away_seq > 0 then
            call('BITOP', 'AND', MARKS, MARKS, away_key(page))
            if call('BITCOUNT', MARKS) > 0 then
                come_back(page)
            end
        end
    end
end
if #ARGV > ask_seen.words then
    call('DEL', MARKS, LEFT)
end
bucket_write(bucket)

local seen, limit = tonumber(ARGV[ask_seen.seq]), tonumber(ARGV[ask_seen.pages_max])
local reply = { OK, bucket.away_seq }
if seen < bucket.away_seq and limit > 0 then
    local pages = call('ZRANGEBYSCORE', prefix .. KEY.aways, '(' .. seen, '+inf', 'WITHSCORES',
        'LIMIT', 0, limit)
    for i = 1, #pages, 2 do
        reply[#reply + 1] = tonumber(pages[i])
        reply[#reply + 1] = call('GET', away_key(pages[i])) or ''
    end
    if #pages == 2 * limit then
        reply[reply_seen.seq] = tonumber(pages[#pages])
    end
end
for _, page in ipairs(away_sent) do
    reply[#reply + 1] = page
    reply[#reply + 1] = call('GET', away_key(page)) or ''
end
return reply
