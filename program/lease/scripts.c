/* SPDX-License-Identifier: MIT */
#include "lease/scripts.h"

const char yg_script_turn[] =
    "local p, run, most = ARGV[1], ARGV[2], tonumber(ARGV[4])\n"
    "redis.call('SET', p .. ':lease:' .. run, '1', 'PX', ARGV[3])\n"
    "local out = {redis.call('SADD', p .. ':leases', run)}\n"
    "if redis.call('DEL', p .. ':fenced:' .. run) == 1 then out[1] = 2 end\n"
    "for _, other in ipairs(redis.call('SMEMBERS', p .. ':leases')) do\n"
    "  if #out > 2 * most then break end\n"
    "  if other ~= run and redis.call('EXISTS', p .. ':lease:' .. other) == 0 then\n"
    "    local key = p .. ':hooked:' .. other\n"
    "    local at = '0'\n"
    "    repeat\n"
    "      local scan = redis.call('HSCAN', key, at, 'COUNT', most)\n"
    "      local found = scan[2]\n"
    "      at = scan[1]\n"
    "      for i = 1, #found, 2 do\n"
    "        if #out > 2 * most then break end\n"
    "        redis.call('HSET', p .. ':hooked:' .. run, found[i], found[i + 1])\n"
    "        redis.call('HDEL', key, found[i])\n"
    "        out[#out + 1] = found[i]\n"
    "        out[#out + 1] = found[i + 1]\n"
    "        redis.call('SET', p .. ':fenced:' .. other, '1', 'PX', 3600000)\n"
    "      end\n"
    "    until at == '0' or #out > 2 * most\n"
    "    if redis.call('EXISTS', key) == 0 then redis.call('SREM', p .. ':leases', other) end\n"
    "  end\n"
    "end\n"
    "return out\n";

const char yg_script_end[] =
    "local p, run = ARGV[1], ARGV[2]\n"
    "local key = p .. ':hooked:' .. run\n"
    "for i = 3, #ARGV do redis.call('HDEL', key, ARGV[i]) end\n"
    "redis.call('DEL', p .. ':lease:' .. run, p .. ':fenced:' .. run)\n"
    "if redis.call('EXISTS', key) == 0 then redis.call('SREM', p .. ':leases', run) end\n"
    "return 1\n";
