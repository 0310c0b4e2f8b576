-- Delivers, then holds: ARGV[1] is {lease_ms, hold_lease_ms, from_ms, until_ms, deliveries, holds}. A hold is
-- the ids of its reservations, all or none; the claims of each, in msgpack, are the arguments after that, in order.
--
-- Answers {now, is_stale, {answer to a hold, ...}}. An answer is {0, figures of each claim as it stands after}; or
-- {n, figures} where the nth claim did not fit; or {-1} where it was withdrawn before it came; or {-2} where an id is
-- held already. The windows that were asked for are current from from_ms to until_ms; if it is not that time, nothing
-- is held, and is_stale is 1.

local TAKEN, WITHDRAWN_BEFORE, HELD_ALREADY = 0, -1, -2
local kept = {}

local function hold(ids, records, first)
    local claims, counters, count, by_reservation, twins = {}, {}, 0, {}, {}
    for i, id in ipairs(ids) do
        local record = records[first + i] or kept[id] or twins[id]
        twins[id] = true
        if record then
            return {record == WITHDRAWN and WITHDRAWN_BEFORE or HELD_ALREADY}
        end
    end
    for i = 1, #ids do
        by_reservation[i] = cmsgpack.unpack(ARGV[1 + first + i])
        for _, claim in ipairs(by_reservation[i]) do
            local counter, full = take(claim)
            count = count + 1
            if not counter then
                for taken = count - 1, 1, -1 do
                    untake(claims[taken], counters[taken])
                end
                local answer = {count}
                tell(claim[1], full, answer)
                return answer
            end
            claims[count], counters[count] = claim, counter
        end
    end
    local answer = {TAKEN}
    for i = 1, count do
        local kind, counter = claims[i][1], counters[i]
        tell(kind, counter, answer)
        if kind == RATE then
            counter.has_changed = true
        end
    end
    return answer, by_reservation
end

local function keep(ids, by_reservation, first, lease_end)
    local taken_at = string.format('%013.0f', now)
    for i, id in ipairs(ids) do
        kept[id] = true
        note(OPEN, id, taken_at .. ARGV[1 + first + i])
        note(LEASES, lease_end, id)
        for number, claim in ipairs(by_reservation[i]) do
            if claim[1] == SLOTS then
                local added = slots_of(claim[2]).added
                for each = 1, claim[3] do
                    added[#added + 1] = math.min(lease_end, now + claim[5])
                    added[#added + 1] = slot(id, number, each)
                end
            end
        end
    end
end

local function hold_all(holds, lease_end)
    local all, first, answers = {}, 0, {}
    for _, ids in ipairs(holds) do
        for _, id in ipairs(ids) do
            all[#all + 1] = id
        end
    end
    local records = redis.call('HMGET', OPEN, unpack(all))
    for i, ids in ipairs(holds) do
        local by_reservation
        answers[i], by_reservation = hold(ids, records, first)
        if by_reservation then
            keep(ids, by_reservation, first, lease_end)
        end
        first = first + #ids
    end
    return answers
end

local lease_ms, hold_lease_ms, from_ms, until_ms, deliveries, holds = unpack(cmsgpack.unpack(ARGV[1]))
local answers = {}
local is_stale = #holds > 0 and (now < from_ms or now >= until_ms)
sweep()
deliver(deliveries)
if #holds > 0 and not is_stale then
    answers = hold_all(holds, now + math.min(lease_ms, hold_lease_ms))
end
write()
write_charged()
return cmsgpack.pack({now, is_stale and 1 or 0, answers})
