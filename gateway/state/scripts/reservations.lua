-- The reservations that are kept together under one tag, and what becomes of them.
-- KEYS[1]  a hash, id -> the time it was taken at in 13 digits and its claims in msgpack; or WITHDRAWN
-- KEYS[2]  a sorted set of the same ids by the end of their lease
-- KEYS[3]  a hash like the first, of those that ended unsettled and were charged at their worst case
-- KEYS[4]  a sorted set of these by the time they are forgotten at

local OPEN, LEASES, LATE, LATE_ENDS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local WITHDRAWN = 'withdrawn'
local LATE_MS, WITHDRAWN_MS = 7 * DAY_MS, 3600000
local SWEPT_AT_ONCE = 100

local written = {[OPEN] = {}, [LEASES] = {}, [LATE] = {}, [LATE_ENDS] = {}}
local removed, removed_late = {}, {}
local expired = {}

local function note(key, first, second)
    local list = written[key]
    list[#list + 1] = first
    list[#list + 1] = second
end

local function claims_of(record)
    return cmsgpack.unpack(string.sub(record, 14))
end

local function slot(id, claim, number)
    return id .. ':' .. claim .. ':' .. number
end

local function give_back_slots(id, claims)
    for i, claim in ipairs(claims) do
        if claim[1] == SLOTS then
            for number = 1, claim[3] do
                redis.call('ZREM', claim[2], slot(id, i, number))
            end
        end
    end
end

-- Correct an open reservation to its true amounts; without amounts, to not having been.
local function settle(id, record, amounts)
    local claims = claims_of(record)
    for i, claim in ipairs(claims) do
        local kind, key, held = claim[1], claim[2], claim[3]
        local amount = amounts and amounts[i] or 0
        if kind == SPEND then
            change_spend(key, claim[5], amount, -held)
        elseif kind == RATE and amount ~= held then
            local counter = rate_of(key)
            if not counter.period then
                use_rate(counter, claim[4], claim[5])
            end
            counter.level = math.max(0, counter.level + (amount - held) * counter.period)
            counter.has_changed = true
        end
    end
    give_back_slots(id, claims)
    removed[#removed + 1] = id
end

-- Correct what was charged at its worst case.
local function settle_late(id, record, amounts)
    for i, claim in ipairs(claims_of(record)) do
        if claim[1] == SPEND then
            change_spend(claim[2], claim[5], (amounts and amounts[i] or 0) - claim[3], 0)
        end
    end
    removed_late[#removed_late + 1] = id
end

-- Nobody settled it in time: the worst case is taken for the truth, and its record is kept in case the truth comes yet.
local function expire(id, record)
    removed[#removed + 1] = id
    expired[id] = false
    if not record or record == WITHDRAWN then
        return
    end
    local claims = claims_of(record)
    local has_spent = false
    for _, claim in ipairs(claims) do
        if claim[1] == SPEND then
            change_spend(claim[2], claim[5], claim[3], -claim[3])
            has_spent = true
        end
    end
    give_back_slots(id, claims)
    if has_spent then
        expired[id] = record
        note(LATE, id, record)
        note(LATE_ENDS, now + LATE_MS, id)
    end
end

local function sweep()
    local over = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, SWEPT_AT_ONCE)
    if #over == 0 then
        return
    end
    local records = redis.call('HMGET', OPEN, unpack(over))
    for i, id in ipairs(over) do
        expire(id, records[i])
    end
    local forgotten = redis.call('ZRANGEBYSCORE', LATE_ENDS, '-inf', now, 'LIMIT', 0, SWEPT_AT_ONCE)
    for _, id in ipairs(forgotten) do
        removed_late[#removed_late + 1] = id
    end
end

-- A server that may not write, or is out of memory, refuses the first write of a script and none that follows it: so
-- nothing is ever half done. What needs no memory comes first: settlements get through where holds do not.
local function write()
    if #removed > 0 then
        redis.call('HDEL', OPEN, unpack(removed))
        redis.call('ZREM', LEASES, unpack(removed))
    end
    write_counters()
    for _, key in ipairs({OPEN, LATE}) do
        if #written[key] > 0 then
            redis.call('HSET', key, unpack(written[key]))
        end
    end
    for _, key in ipairs({LEASES, LATE_ENDS}) do
        if #written[key] > 0 then
            redis.call('ZADD', key, unpack(written[key]))
        end
    end
    if #removed_late > 0 then
        redis.call('HDEL', LATE, unpack(removed_late))
        redis.call('ZREM', LATE_ENDS, unpack(removed_late))
    end
end
