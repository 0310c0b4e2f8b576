-- The counters that one script call touches: each is read once, reckoned with here, and written once by write_counters.
-- All figures are integers below 2^53, where Lua's doubles are exact.

local RATE, SLOTS, SPEND = 1, 2, 3
local MINUTE_MS, DAY_MS = 60000, 86400000

local now = time_ms()
local rates, slots, spends = {}, {}, {}

local function is_gone(gone_at)
    return gone_at > 0 and gone_at <= now
end

-- A bucket: "level at limit period" in one string. Its level is amount x period in ms, and drains by limit a ms.
local function rate_of(key)
    local counter = rates[key]
    if not counter then
        counter = {level = 0}
        local level, at, limit, period = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+)$')
        if level then
            counter.limit, counter.period = tonumber(limit), tonumber(period)
            -- A clock that was set back drains nothing.
            local drained = math.max(0, now - tonumber(at)) * counter.limit
            counter.level = math.max(0, tonumber(level) - drained)
        end
        rates[key] = counter
    end
    return counter
end

-- From now on it drains as this rule says; what was taken stays taken.
local function use_rate(counter, limit, period)
    if counter.period and counter.period ~= period then
        counter.level = math.ceil(counter.level / counter.period * period)
    end
    counter.limit, counter.period = limit, period
end

-- Those whose lease is over are taken for free; who took them removes them, or the sweep.
local function slots_of(key)
    local counter = slots[key]
    if not counter then
        counter = {taken = redis.call('ZCOUNT', key, '(' .. string.format('%.0f', now), '+inf'), added = {}}
        slots[key] = counter
    end
    return counter
end

-- One window of a budget: a hash of spent and held, in nano-dollars, which is forgotten at gone_at (0: never).
local function spend_of(key, gone_at)
    local counter = spends[key]
    if not counter then
        local found = redis.call('HMGET', key, 'spent', 'held')
        counter = {
            spent = tonumber(found[1] or 0), held = tonumber(found[2] or 0),
            more_spent = 0, more_held = 0,
            is_new = not (found[1] or found[2]), gone_at = gone_at,
        }
        spends[key] = counter
    end
    return counter
end

local function change_spend(key, gone_at, spent, held)
    if is_gone(gone_at) then
        return  -- nobody asks any more
    end
    local counter = spend_of(key, gone_at)
    counter.spent, counter.more_spent = counter.spent + spent, counter.more_spent + spent
    counter.held, counter.more_held = counter.held + held, counter.more_held + held
end

local function write_counters()
    for key, counter in pairs(spends) do
        local has_changed = false
        for field, more in pairs({spent = counter.more_spent, held = counter.more_held}) do
            if more ~= 0 then
                -- HINCRBY is exact up to 2^63, however large the sum.
                redis.call('HINCRBY', key, field, string.format('%.0f', more))
                has_changed = true
            end
        end
        if has_changed and counter.is_new and counter.gone_at > 0 then
            redis.call('PEXPIRE', key, counter.gone_at - now)
        end
    end
    for key, counter in pairs(rates) do
        if counter.has_changed then
            local lasts = counter.limit > 0 and math.ceil(counter.level / counter.limit) + MINUTE_MS or 7 * DAY_MS
            local text = string.format('%.0f %.0f %.0f %.0f', counter.level, now, counter.limit, counter.period)
            redis.call('SET', key, text, 'PX', string.format('%.0f', lasts))
        end
    end
    for key, counter in pairs(slots) do
        if #counter.added > 0 then
            redis.call('ZADD', key, unpack(counter.added))
        end
    end
end

-- A claim is {kind, key, amount, limit, x}: x is a Rate's period in ms, the lease of Slots in ms, and of Spend the time
-- at which its window is forgotten. Answers its counter, or nil and the counter that it did not fit.
local function take(claim)
    local kind, key, amount, limit = claim[1], claim[2], claim[3], claim[4]
    if kind == RATE then
        local counter = rate_of(key)
        use_rate(counter, limit, claim[5])
        local level = counter.level + amount * counter.period
        if amount > 0 and level > limit * counter.period then
            return nil, counter
        end
        counter.level = level
        return counter
    elseif kind == SLOTS then
        local counter = slots_of(key)
        if amount > 0 and counter.taken + amount > limit then
            return nil, counter
        end
        counter.taken = counter.taken + amount
        return counter
    end
    local counter = spend_of(key, claim[5])
    if amount > 0 and counter.spent + counter.held + amount > limit then
        return nil, counter
    end
    counter.held, counter.more_held = counter.held + amount, counter.more_held + amount
    return counter
end

-- What take did, undone within the same script call.
local function untake(claim, counter)
    local kind, amount = claim[1], claim[3]
    if kind == RATE then
        counter.level = counter.level - amount * counter.period
    elseif kind == SLOTS then
        counter.taken = counter.taken - amount
    else
        counter.held, counter.more_held = counter.held - amount, counter.more_held - amount
    end
end

-- How a counter stands: a Rate's level, the Slots taken, what of Spend is spent and held.
local function tell(kind, counter, answer)
    if kind == RATE then
        answer[#answer + 1] = counter.level
    elseif kind == SLOTS then
        answer[#answer + 1] = counter.taken
    else
        answer[#answer + 1] = counter.spent
        answer[#answer + 1] = counter.held
    end
end
