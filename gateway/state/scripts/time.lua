-- The server's time, the only one that counts: milliseconds since the epoch.
local function time_ms()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
