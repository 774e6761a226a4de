-- For wrk: asks for the places in the file that PLACES names, one after the other, from the start again at its end.
local places = {}
for place in io.lines(os.getenv("PLACES")) do
  places[#places + 1] = place
end
local last = 0

function request()
  last = last % #places + 1
  return wrk.format("GET", places[last])
end
