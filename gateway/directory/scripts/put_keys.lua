-- Keeps all keys or none, each if it replaces the version before and its name is free. rules.standing_keys says the same.
-- KEYS: version, audit, keys (id -> record), names (of keys that are not revoked -> id), ids (all, in order),
-- members ('team/id', in order). ARGV: entry, channel, kind, name, record, record, ...
-- Answers {}; {'changed', id}; {'taken', name}; or 'kept' where all were so already.
-- Lua undoes nothing: so all is looked at before anything is written.
local function live_name(key)
    return type(key.revoked_at) ~= 'number' and key.name
end

local standing, ids, names = {}, {}, {}
for i = 5, #ARGV do
    local key = cjson.decode(ARGV[i])
    local kept = redis.call('HGET', KEYS[3], key.id)
    if kept ~= ARGV[i] then
        local old = kept and cjson.decode(kept)
        local version = old and (old.version or 1) or 0
        if ids[key.id] or (key.version or 1) ~= version + 1 then
            return {'changed', key.id}
        end
        ids[key.id] = true
        local name = live_name(key)
        if name then
            local owner = redis.call('HGET', KEYS[4], name)
            if names[name] or (owner and owner ~= key.id) then
                return {'taken', name}
            end
            names[name] = true
        end
        table.insert(standing, {new = key, old = old, record = ARGV[i]})
    end
end
if #standing == 0 then
    return {'kept', ''}
end

append(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
for _, change in ipairs(standing) do
    local new, old = change.new, change.old
    if old and live_name(old) then
        redis.call('HDEL', KEYS[4], old.name)
    end
    if old and type(old.team) == 'string' then
        redis.call('ZREM', KEYS[6], old.team .. '/' .. old.id)
    end
    if live_name(new) then
        redis.call('HSET', KEYS[4], new.name, new.id)
    end
    if type(new.team) == 'string' then
        redis.call('ZADD', KEYS[6], 0, new.team .. '/' .. new.id)
    end
    redis.call('ZADD', KEYS[5], 0, new.id)
    redis.call('HSET', KEYS[3], new.id, change.record)
end
return {}
