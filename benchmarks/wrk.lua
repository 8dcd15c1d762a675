-- wrk's figures as one line of JSON. With the argument `browser`, each request has a browser's twelve headers and a
-- head that differs from all others, as those of loader/http.c; with a file, its content is POSTed as JSON.
local number = 0

local head = table.concat({
  "GET %s?n=%d HTTP/1.1",
  "Host: %s",
  "Connection: keep-alive",
  'sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.%d.%d Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Referer: https://127.0.0.1/articles/%d",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
  "Cookie: session=%016d; theme=dark; seen=%d",
  "", "",
}, "\r\n")

local function browse()
  number = number + 1
  local session = number * 7919
  local version, patch = math.floor(number / 1000), number % 1000
  return head:format(wrk.path, number, wrk.headers["Host"], version, patch, number, session, number)
end

function init(args)
  if args[1] == "browser" then
    if not wrk.headers["Host"] then wrk.headers["Host"] = wrk.host .. ":" .. wrk.port end
    request = browse
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
