/* SPDX-License-Identifier: MIT */
#include "lease/notices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define LOOK_BACK "256" /* notices among which one that may be there is looked for */

/* ARGV: prefix, hook, run, most in a lane, again; and of each notice lane, id, kind, namespace,
 * event, whether its record goes. */
static const char store_script[] =
    "local p, hook, run, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])\n"
    "local dropped = 0\n"
    "local function has(key, id)\n"
    "  for _, entry in ipairs(redis.call('XREVRANGE', key, '+', '-', 'COUNT', " LOOK_BACK ")) do\n"
    "    if entry[2][2] == id then return true end\n"
    "  end\n"
    "  return false\n"
    "end\n"
    "for i = 6, #ARGV, 6 do\n"
    "  local key, id = p .. ':notices:' .. hook .. ':' .. ARGV[i], ARGV[i + 1]\n"
    "  if ARGV[5] == '0' or not has(key, id) then\n"
    "    redis.call('XADD', key, '*', 'i', id, 'k', ARGV[i + 2], 'n', ARGV[i + 3], 'e', ARGV[i + "
    "4])\n"
    "    if redis.call('XLEN', key) > most then\n"
    "      dropped = dropped + redis.call('XTRIM', key, 'MAXLEN', most)\n"
    "    end\n"
    "  end\n"
    "  if ARGV[i + 5] == '1' then redis.call('HDEL', p .. ':hooked:' .. run, id) end\n"
    "end\n"
    "return dropped\n";

/* ARGV: prefix, hook, run, lease in ms, most lanes, lanes that are given up. */
static const char own_script[] =
    "local p, run, most, own = ARGV[1] .. ':notices:' .. ARGV[2] .. ':', ARGV[3], "
    "tonumber(ARGV[5]), {}\n"
    "for i = 6, #ARGV do\n"
    "  local key = p .. ARGV[i] .. ':owner'\n"
    "  if redis.call('GET', key) == run then redis.call('DEL', key) end\n"
    "end\n"
    "local free = {}\n"
    "for n = 0, 63 do\n"
    "  local owner = redis.call('GET', p .. n .. ':owner')\n"
    "  if owner == run then\n"
    "    redis.call('PEXPIRE', p .. n .. ':owner', ARGV[4])\n"
    "    own[#own + 1] = n\n"
    "  elseif not owner then\n"
    "    free[#free + 1] = n\n"
    "  end\n"
    "end\n"
    "for _, n in ipairs(free) do\n"
    "  if #own < most then\n"
    "    redis.call('SET', p .. n .. ':owner', run, 'PX', ARGV[4])\n"
    "    own[#own + 1] = n\n"
    "  end\n"
    "end\n"
    "return own\n";

/* ---- commands ---- */

static int begin(struct yg_notice_command *command, size_t argc, size_t texts)
{
    *command = (struct yg_notice_command){.argv = calloc(argc, sizeof(*command->argv)),
                                          .texts = calloc(texts, sizeof(*command->texts)),
                                          .num_texts = texts};
    if (command->argv != NULL && command->texts != NULL)
        return 0;
    command->num_texts = 0;
    yg_notice_command_done(command);
    return -ENOMEM;
}

void yg_notice_command_done(struct yg_notice_command *command)
{
    for (size_t i = 0; i < command->num_texts; i++)
        yg_text_done(&command->texts[i]);
    free(command->texts);
    free(command->argv);
}

static void add(struct yg_notice_command *command, yodel_str word)
{
    command->argv[command->argc++] = word;
}

/* at: its text, which is empty so far. */
static void add_number(struct yg_notice_command *command, size_t at, uint64_t number)
{
    yg_text_printf(&command->texts[at], "%" PRIu64, number);
    add(command, yodel_str_of(yg_text_string(&command->texts[at])));
}

static int end(struct yg_notice_command *command)
{
    for (size_t i = 0; i < command->num_texts; i++) {
        if (yg_text_failed(&command->texts[i])) {
            yg_notice_command_done(command);
            return -ENOMEM;
        }
    }
    return 0;
}

int yg_notices_store(const char *prefix, const char *hook, const char *run, size_t most, bool again,
                     const struct yg_notice *notices, size_t num,
                     struct yg_notice_command *ret_command)
{
    int rc = begin(ret_command, 8 + 6 * num, 1 + num);

    if (rc < 0)
        return rc;
    add(ret_command, YODEL_STR("EVAL"));
    add(ret_command, yodel_str_of(store_script));
    add(ret_command, YODEL_STR("0"));
    add(ret_command, yodel_str_of(prefix));
    add(ret_command, yodel_str_of(hook));
    add(ret_command, yodel_str_of(run));
    add_number(ret_command, 0, most);
    add(ret_command, again ? YODEL_STR("1") : YODEL_STR("0"));
    for (size_t i = 0; i < num; i++) {
        add_number(ret_command, 1 + i, notices[i].lane);
        add(ret_command, yodel_str_of(notices[i].id));
        add(ret_command, yodel_str_of(notices[i].kind));
        add(ret_command, yodel_str_of(notices[i].ns));
        add(ret_command, notices[i].event);
        add(ret_command, notices[i].ends ? YODEL_STR("1") : YODEL_STR("0"));
    }
    return end(ret_command);
}

int yg_notices_own(const char *prefix, const char *hook, const char *run, uint32_t ms,
                   unsigned most, const bool *given_up, struct yg_notice_command *ret_command)
{
    int rc = begin(ret_command, 8 + YG_NOTICE_LANES, 2 + YG_NOTICE_LANES);

    if (rc < 0)
        return rc;
    add(ret_command, YODEL_STR("EVAL"));
    add(ret_command, yodel_str_of(own_script));
    add(ret_command, YODEL_STR("0"));
    add(ret_command, yodel_str_of(prefix));
    add(ret_command, yodel_str_of(hook));
    add(ret_command, yodel_str_of(run));
    add_number(ret_command, 0, ms);
    add_number(ret_command, 1, most);
    for (unsigned i = 0; i < YG_NOTICE_LANES; i++) {
        if (given_up != NULL ? given_up[i] : most == 0)
            add_number(ret_command, 2 + i, i);
    }
    return end(ret_command);
}

void yg_notices_key(struct yg_text *text, const char *prefix, const char *hook, unsigned lane)
{
    yg_text_printf(text, "%s:notices:%s:%u", prefix, hook, lane);
}

/* FNV-1a: the same on every node. */
unsigned yg_notices_lane(const char *name, size_t len)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return (hash ^ hash >> 16) % YG_NOTICE_LANES;
}
