-- Stands before each of the other scripts. A change has a number; its audit entry is kept under it, and all are told:
-- "<number> <kind> <name>". The entry comes first: should it fail, nothing has changed yet.
local AUDITED = 100000

local function append(version_key, audit_key, entry, channel, kind, name)
    local number = string.format('%.0f', redis.call('INCR', version_key))
    redis.call('XADD', audit_key, 'MAXLEN', '~', AUDITED, number .. '-0', 'entry', entry)
    redis.call('PUBLISH', channel, number .. ' ' .. kind .. ' ' .. name)
end
