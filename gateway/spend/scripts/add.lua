-- Adds a part of a batch to the sums of one day, once. Answers 1, or 0 where it was added before.
--
-- KEYS  1 the day's hash, 2 the mark of this part (of the same slot)
-- ARGV  1 seconds that the mark is kept, 2 seconds that the day is kept, then pairs: field, figures
--
-- Figures are whole numbers with a space between: dollars, nano-dollars below one, and the rest. Lua counts in floats,
-- exact up to 2^53: taken apart like that, money is exact up to 9 quadrillion dollars.
--
-- The mark comes first: where memory is full, Redis refuses a script's first write, and then none is made.
local DOLLAR = 1000000000

if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then
  return 0
end
for i = 3, #ARGV, 2 do
  local sums = {0, 0, 0, 0, 0, 0}
  for _, figures in ipairs({redis.call('HGET', KEYS[1], ARGV[i]) or '', ARGV[i + 1]}) do
    local n = 0
    for figure in string.gmatch(figures, '%d+') do
      n = n + 1
      sums[n] = sums[n] + tonumber(figure)
    end
  end
  sums[1] = sums[1] + math.floor(sums[2] / DOLLAR)
  sums[2] = sums[2] % DOLLAR
  redis.call('HSET', KEYS[1], ARGV[i], string.format('%.0f %.0f %.0f %.0f %.0f %.0f', unpack(sums)))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
