-- Adds a part of a batch to the sums of one day, once. Answers 1, or 0 where it was added before.
--
-- KEYS  1 the day's hash, 2 the mark of this part (of the same slot)
-- ARGV  1 seconds that the mark is kept, 2 seconds that the day is kept, then pairs: field, amount
--
-- The mark comes first: where memory is full, Redis refuses a script's first write, and then none is made.
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then
  return 0
end
for i = 3, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
