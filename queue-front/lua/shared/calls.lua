-- calls.lua: how many visitors are called and still in time (`called_n`), and how many of them have come (`came_n`).
--
-- A heal that has lost their bits knows only how many must have come (`healed_came`, included in `came_n`), and may
-- count a visitor who never did. A visitor who then comes or leaves may be counted already. came_n must never exceed
-- called_n: fronts reject such a reply, and all later ones.

-- A called visitor has entered; `before`: before Redis lost that.
local function call_came(bucket, before)
    if (before and bucket.healed_came > 0) or bucket.came_n >= bucket.called_n then
        bucket.healed_came = math.max(0, bucket.healed_came - 1)
    else
        bucket.came_n = bucket.came_n + 1
    end
end

-- A called visitor has given the place up.
local function call_given_up(bucket)
    bucket.called_n = math.max(0, bucket.called_n - 1)
    if bucket.came_n > bucket.called_n then
        bucket.came_n = bucket.called_n
        bucket.healed_came = math.max(0, bucket.healed_came - 1)
    end
end
