-- Keeps a team, if it replaces the version before; forgets one that says that it is deleted. rules.stands says the same.
-- KEYS: version, audit, teams. ARGV: entry, channel, kind, name, record.
-- Answers {} or {'changed', name}; 'kept' where all was so already.
local record = ARGV[5]
local team = cjson.decode(record)
local kept = redis.call('HGET', KEYS[3], team.name)
local is_deleted = type(team.deleted_at) == 'number'

if kept == record or (is_deleted and not kept) then
    return {'kept', team.name}
end
local version = kept and (cjson.decode(kept).version or 1) or 0
if (team.version or 1) ~= version + 1 then
    return {'changed', team.name}
end

append(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if is_deleted then
    redis.call('HDEL', KEYS[3], team.name)
else
    redis.call('HSET', KEYS[3], team.name, record)
end
return {}
