-- wrk's figures as one line of JSON. With the argument `vary`, each request has another target; with a file, its
-- content is POSTed as JSON.
local number = 0

local function vary()
  number = number + 1
  return wrk.format(nil, wrk.path .. "?n=" .. number)
end

function init(args)
  if args[1] == "vary" then
    request = vary
  elseif args[1] then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    local file = assert(io.open(args[1], "rb"))
    wrk.body = file:read("*a")
    file:close()
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.3f, "p99_ms": %.3f, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
