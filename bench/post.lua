-- One POST, sent again and again; wrk formats it once, but for many keys, where each has its turn. The figures go out
-- as one line of JSON.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"

if os.getenv("BENCH_KEYS") then
    local keys = {}
    for key in io.lines(os.getenv("BENCH_KEYS")) do
        keys[#keys + 1] = "Bearer " .. key
    end
    local turn = 0
    function request()
        turn = turn % #keys + 1
        wrk.headers["Authorization"] = keys[turn]
        return wrk.format()
    end
else
    wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
end

function done(summary, latency, _requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"failures":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
