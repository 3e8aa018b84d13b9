/* SPDX-License-Identifier: MIT */
#include "lease/room_scripts.h"

#include <errno.h>

/* A room is settled when what was told of it is as it is, or an event says so.  Before `ready` not
 * all runs may be known: what differs waits until then. */
#define HEAD                                                                                       \
    "local p, run, base, grace = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])\n"                   \
    "local call, q = redis.call, p .. ':occupancy'\n"                                              \
    "local t = call('TIME')\n"                                                                     \
    "local now, made, mine = t[1] * 1000 + math.floor(t[2] / 1000), 0, q .. ':run:' .. run\n"      \
    "local epoch = call('HGET', q, 'epoch')\n"                                                     \
    "if not epoch then\n"                                                                          \
    "  epoch = base\n"                                                                             \
    "  call('HSET', q, 'epoch', epoch, 'ready', now + grace)\n"                                    \
    "end\n"                                                                                        \
    "local ready = tonumber(call('HGET', q, 'ready'))\n"                                           \
    "local function wait()\n"                                                                      \
    "  ready = math.max(ready, now + grace)\n"                                                     \
    "  call('HSET', q, 'ready', ready)\n"                                                          \
    "end\n"                                                                                        \
    "local function settle(place, key)\n"                                                          \
    "  local n, told = tonumber(call('HGET', key, 'n') or '0'), call('HGET', key, 't')\n"          \
    "  if (n > 0) == (told ~= false) then\n"                                                       \
    "    if n == 0 then call('DEL', key) end\n"                                                    \
    "    call('ZREM', q .. ':due', place)\n"                                                       \
    "    return 0\n"                                                                               \
    "  end\n"                                                                                      \
    "  local due = ready\n"                                                                        \
    "  if n == 0 then\n"                                                                           \
    "    due = math.max(due, tonumber(call('ZSCORE', q .. ':due', place) or now))\n"               \
    "  end\n"                                                                                      \
    "  if due > now then\n"                                                                        \
    "    call('ZADD', q .. ':due', due, place)\n"                                                  \
    "    return due - now\n"                                                                       \
    "  end\n"                                                                                      \
    "  made = made + 1\n"                                                                          \
    "  call('ZREM', q .. ':due', place)\n"                                                         \
    "  call('HSET', key, 'e', base .. '_' .. made, 'k', n > 0 and 'occupied' or 'vacated', "       \
    "'o', run)\n"                                                                                  \
    "  call('HINCRBY', key, 's', 1)\n"                                                             \
    "  if n > 0 then call('HSET', key, 't', 1) else call('HDEL', key, 't') end\n"                  \
    "  call('SADD', mine, place)\n"                                                                \
    "  call('SADD', q .. ':runs', run)\n"                                                          \
    "  return 0\n"                                                                                 \
    "end\n"                                                                                        \
    "local function leave(key, place, who, delay)\n"                                               \
    "  if call('HDEL', key, 'r:' .. who) == 1 and call('HINCRBY', key, 'n', -1) == 0 then\n"       \
    "    call('ZADD', q .. ':due', now + delay, place)\n"                                          \
    "  end\n"                                                                                      \
    "end\n"

const char yg_script_rooms_sync[] = HEAD
    "if call('DEL', q .. ':fenced:' .. run) == 1 then return {'fenced'} end\n"
    "if ARGV[5] ~= '' and ARGV[5] ~= epoch then return {'again', epoch} end\n"
    "if ARGV[6] == '1' and ready > now then wait() end\n"
    "local out = {epoch}\n"
    "for i = 7, #ARGV, 7 do\n"
    "  local place, want, delay, done = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 3]), ARGV[i + 4]\n"
    "  local key, due = q .. ':room:' .. place, 0\n"
    "  local e, o = call('HGET', key, 'e'), call('HGET', key, 'o')\n"
    "  if want ~= '0' and call('HSET', key, 'r:' .. run, delay) == 1 then\n"
    "    call('HINCRBY', key, 'n', 1)\n"
    "  end\n"
    "  if ARGV[i + 2] == '1' and not e and call('HSETNX', key, 't', 1) == 1 and want == '0' and "
    "tonumber(call('HGET', key, 'n') or '0') == 0 then\n"
    "    call('ZADD', q .. ':due', now + delay, place)\n"
    "  end\n"
    "  if e and e == done and o == run then\n"
    "    call('HDEL', key, 'e', 'k', 'o')\n"
    "    e = false\n"
    "  end\n"
    "  if not e and ARGV[i + 5] ~= '' and (call('HGET', key, 't') ~= false) == (ARGV[i + 6] == "
    "'occupied') then\n"
    "    e, o = ARGV[i + 5], run\n"
    "    call('HSET', key, 'e', e, 'k', ARGV[i + 6], 'o', o)\n"
    "    call('HINCRBY', key, 's', 1)\n"
    "  end\n"
    "  if not e and want == '2' then\n"
    "    settle(place, key)\n"
    "    e, o = call('HGET', key, 'e'), run\n"
    "  end\n"
    "  if want ~= '1' then leave(key, place, run, delay) end\n"
    "  if not e then\n"
    "    due = settle(place, key)\n"
    "    e, o = call('HGET', key, 'e'), run\n"
    "  end\n"
    "  local tells = e and o == run\n"
    "  if want == '1' or tells then call('SADD', mine, place) else call('SREM', mine, place) end\n"
    "  out[#out + 1] = call('HEXISTS', key, 't')\n"
    "  out[#out + 1] = due\n"
    "  out[#out + 1] = tells and call('HGET', key, 'k') or ''\n"
    "  out[#out + 1] = tells and e or ''\n"
    "  out[#out + 1] = tells and tonumber(call('HGET', key, 's')) or 0\n"
    "end\n"
    "call(call('EXISTS', mine) == 1 and 'SADD' or 'SREM', q .. ':runs', run)\n"
    "return out\n";

const char yg_script_rooms_turn[] = HEAD
    "local most = tonumber(ARGV[5])\n"
    "local out, left = {epoch, 0, call('EXISTS', q .. ':fenced:' .. run)}, most\n"
    "if now - tonumber(call('HGET', q, 'last') or now) > tonumber(ARGV[6]) then wait() end\n"
    "call('HSET', q, 'last', now)\n"
    "if ready > now then return out end\n"
    "local function tell(place, key)\n"
    "  if call('HGET', key, 'o') ~= run then return end\n"
    "  out[#out + 1] = place\n"
    "  out[#out + 1] = call('HGET', key, 'k')\n"
    "  out[#out + 1] = call('HGET', key, 'e')\n"
    "  out[#out + 1] = tonumber(call('HGET', key, 's'))\n"
    "end\n"
    "for _, place in ipairs(call('ZRANGEBYSCORE', q .. ':due', '-inf', now, 'LIMIT', 0, most)) do\n"
    "  local key = q .. ':room:' .. place\n"
    "  left = left - 1\n"
    "  if call('HEXISTS', key, 'e') == 1 then\n"
    "    call('ZREM', q .. ':due', place)\n"
    "  else\n"
    "    settle(place, key)\n"
    "    tell(place, key)\n"
    "  end\n"
    "end\n"
    "for _, other in ipairs(call('SMEMBERS', q .. ':runs')) do\n"
    "  if left > 0 and other ~= run and call('EXISTS', p .. ':lease:' .. other) == 0 then\n"
    "    local set = q .. ':run:' .. other\n"
    "    for _, place in ipairs(call('SRANDMEMBER', set, left)) do\n"
    "      local key = q .. ':room:' .. place\n"
    "      left = left - 1\n"
    "      call('SET', q .. ':fenced:' .. other, '1', 'PX', 3600000)\n"
    "      leave(key, place, other, tonumber(call('HGET', key, 'r:' .. other) or '0'))\n"
    "      if call('HGET', key, 'o') == other then\n"
    "        call('HSET', key, 'o', run)\n"
    "        call('SADD', mine, place)\n"
    "        call('SADD', q .. ':runs', run)\n"
    "        tell(place, key)\n"
    "      elseif call('HEXISTS', key, 'e') == 0 then\n"
    "        settle(place, key)\n"
    "        tell(place, key)\n"
    "      end\n"
    "      call('SREM', set, place)\n"
    "    end\n"
    "    if call('EXISTS', set) == 0 then call('SREM', q .. ':runs', other) end\n"
    "  end\n"
    "end\n"
    "out[2] = left > 0 and 0 or 1\n"
    "return out\n";

const char yg_script_rooms_end[] =
    HEAD "local done, num = {}, 0\n"
         "for i = 6, #ARGV do done[ARGV[i]] = true end\n"
         "for _, place in ipairs(call('SRANDMEMBER', mine, tonumber(ARGV[5]))) do\n"
         "  local key = q .. ':room:' .. place\n"
         "  local e, o = call('HGET', key, 'e'), call('HGET', key, 'o')\n"
         "  num = num + 1\n"
         "  leave(key, place, run, tonumber(call('HGET', key, 'r:' .. run) or '0'))\n"
         "  if e and o == run and done[e] then\n"
         "    call('HDEL', key, 'e', 'k', 'o')\n"
         "    e = false\n"
         "  end\n"
         "  if not e and not call('ZSCORE', q .. ':due', place) then\n"
         "    call('ZADD', q .. ':due', now, place)\n"
         "  end\n"
         "  if not e or o ~= run then call('SREM', mine, place) end\n"
         "end\n"
         "if call('EXISTS', mine) == 0 then call('SREM', q .. ':runs', run) end\n"
         "return num\n";

int yg_place_read(yodel_str place, yodel_str *ret_ns, yodel_str *ret_room)
{
    size_t len = 0, at = 0;

    while (at < place.len && place.ptr[at] >= '0' && place.ptr[at] <= '9' && len < place.len)
        len = len * 10 + (size_t)(place.ptr[at++] - '0');
    if (at == 0 || at == place.len || place.ptr[at] != ':' || len > place.len - at - 1)
        return -EINVAL;
    *ret_ns = (yodel_str){place.ptr + at + 1, len};
    *ret_room = (yodel_str){place.ptr + at + 1 + len, place.len - at - 1 - len};
    return 0;
}
