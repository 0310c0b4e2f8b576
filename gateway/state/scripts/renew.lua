-- Leases of reservations that are still open go on, never beyond their hard end: ARGV[1] is {lease_ms, hold_lease_ms,
-- ids, replica}. With a replica's name, which is '' to say nothing, it is one of those that live: KEYS[5] has them by
-- the time that they were last heard of, and KEYS[6] says since when there is anything: whoever remembers another time
-- knows that all has been lost. Answers {now, how many live, since}.

local lease_ms, hold_lease_ms, ids, replica = unpack(cmsgpack.unpack(ARGV[1]))

local function renew(id, record)
    local taken_at = tonumber(string.sub(record, 1, 13))
    local lease_end = math.min(now + lease_ms, taken_at + hold_lease_ms)
    redis.call('ZADD', LEASES, 'XX', lease_end, id)
    for i, claim in ipairs(claims_of(record)) do
        if claim[1] == SLOTS then
            for number = 1, claim[3] do
                -- A slot's own lease runs from when it was taken.
                redis.call('ZADD', claim[2], 'XX', math.min(lease_end, taken_at + claim[5]), slot(id, i, number))
            end
        end
    end
end

sweep()
write()
if #ids > 0 then
    local records = redis.call('HMGET', OPEN, unpack(ids))
    for i, id in ipairs(ids) do
        if records[i] and records[i] ~= WITHDRAWN then
            renew(id, records[i])
        end
    end
end
local living, since = 0, ''
if replica ~= '' then
    redis.call('ZADD', KEYS[5], now, replica)
    redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', '(' .. string.format('%.0f', now - lease_ms))
    living = redis.call('ZCARD', KEYS[5])
    redis.call('SET', KEYS[6], string.format('%.0f', now), 'NX')
    since = redis.call('GET', KEYS[6])
end
return cmsgpack.pack({now, living, since})
