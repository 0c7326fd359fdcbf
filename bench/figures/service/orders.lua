-- The load of figure A, for wrk: orders one after the other on each connection, and 1 request of 4,000 a slow payment.
-- Prints one JSON object: microseconds by percentile, and the whole distribution as [microseconds, requests] pairs.
local number = 0

function request()
  number = number + 1
  local kind = number % 4000 == 500 and "payment" or "orders"
  return wrk.format("GET", "/" .. kind .. "/" .. number)
end

function done(summary, latency, requests)
  local distribution = {}
  for i = 1, #latency do
    local microseconds, count = latency(i)
    distribution[i] = "[" .. microseconds .. "," .. count .. "]"
  end
  local errors = summary.errors
  io.write(string.format(
    'result {"requests":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d,"p999":%d,"distribution":[%s]}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), table.concat(distribution, ",")))
end
