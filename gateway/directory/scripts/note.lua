-- Writes down a change that was made elsewhere, and tells of it.
-- KEYS: version, audit. ARGV: entry, channel, kind of change ('' for none), its name.
append(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return {}
