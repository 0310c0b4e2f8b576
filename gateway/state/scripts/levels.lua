-- How counters stand: ARGV[1] is {from_ms, until_ms, claims}. Answers {now, is_stale, figures}; as hold.lua.

local from_ms, until_ms, claims = unpack(cmsgpack.unpack(ARGV[1]))
local figures = {}
local is_stale = now < from_ms or now >= until_ms
sweep()
if not is_stale then
    for _, claim in ipairs(claims) do
        local kind, key, limit, x = claim[1], claim[2], claim[4], claim[5]
        local counter
        if kind == RATE then
            counter = rate_of(key)
            use_rate(counter, limit, x)
        elseif kind == SLOTS then
            counter = slots_of(key)
        else
            counter = spend_of(key, x)
        end
        tell(kind, counter, figures)
    end
end
write()
return cmsgpack.pack({now, is_stale and 1 or 0, figures})
