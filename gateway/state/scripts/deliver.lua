-- What must count exactly once, however often it is delivered: {1, id, amounts} a settlement, {2, id} a withdrawal,
-- {3, id, {{key, amount, gone_at}, ...}} a charge, whose markers are the KEYS after the first four, in order.

local SETTLEMENT, WITHDRAWAL, CHARGE = 1, 2, 3
local CHARGED_MS = 8 * DAY_MS
local charged = {}

local function charge(delivery, marker)
    if redis.call('EXISTS', marker) == 1 or charged[marker] then
        return
    end
    charged[marker] = true
    for _, each in ipairs(delivery[3]) do
        change_spend(each[1], each[3], each[2], 0)
    end
end

local function deliver_one(delivery, record)
    local id, amounts = delivery[2], delivery[3]
    if expired[id] ~= nil then
        record = nil
    end
    if record == WITHDRAWN then
        return
    elseif record then
        return settle(id, record, amounts)
    end
    record = expired[id] or redis.call('HGET', LATE, id)
    if record then
        settle_late(id, record, amounts)
    elseif delivery[1] == WITHDRAWAL then
        -- Its hold may still be on the way.
        note(OPEN, id, WITHDRAWN)
        note(LEASES, now + WITHDRAWN_MS, id)
    end
end

local function deliver(deliveries)
    local ids, marker, seen = {}, 4, {}
    for _, delivery in ipairs(deliveries) do
        ids[#ids + 1] = delivery[2]
    end
    local records = #ids > 0 and redis.call('HMGET', OPEN, unpack(ids)) or {}
    for i, delivery in ipairs(deliveries) do
        if delivery[1] == CHARGE then
            marker = marker + 1
            charge(delivery, KEYS[marker])
        elseif not seen[delivery[2]] then
            seen[delivery[2]] = true
            deliver_one(delivery, records[i])
        end
    end
end

local function write_charged()
    for marker in pairs(charged) do
        redis.call('SET', marker, '', 'PX', CHARGED_MS)
    end
end
