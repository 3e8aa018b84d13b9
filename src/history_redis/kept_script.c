/* SPDX-License-Identifier: MIT */
#include "history_redis/kept_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"

/* What Redis is told.  Scripts are sent as they are: Redis knows one by its text. */

#define FIELD                                                                                      \
    "local function field(e,n) for i=1,#e[2],2 do if e[2][i]==n then return e[2][i+1] end end "    \
    "end\n"
#define TIME                                                                                       \
    "local t=redis.call('TIME')\n"                                                                 \
    "local us=t[1]*1000000+t[2]\n"                                                                 \
    "local now=math.floor(us/1000)\n"
#define TOP "local top=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',1)[1]\n"

/*
 * KEYS: the stream.  ARGV: most messages, most bytes, age in ms or 0, whether some may be there,
 * the process; then of each message its number, type and data.
 *
 * "c" is the sum of all bytes up to an entry, by which the oldest are found that are too many.  At
 * least one entry stays.
 */
static const char append_script[] = FIELD TIME TOP
    "local ms,k,sum=now,us,0\n"
    "if top then\n"
    "  local a,b=string.match(top[1],'^(%d+)-(%d+)$')\n"
    "  ms=math.max(ms,tonumber(a)) k=tonumber(b)+1 sum=tonumber(field(top,'c') or '0') or 0\n"
    "end\n"
    "local had,ids={},{}\n"
    "if ARGV[4]=='1' then\n"
    "  for _,e in ipairs(redis.call('XRANGE',KEYS[1],'-','+')) do\n"
    "    local o=field(e,'o') if o then had[o]=e[1] end\n"
    "  end\n"
    "end\n"
    "for i=6,#ARGV,3 do\n"
    "  local o,t,d=ARGV[5]..'.'..ARGV[i],ARGV[i+1],ARGV[i+2]\n"
    "  local id=had[o]\n"
    "  if not id then\n"
    "    sum=sum+#d\n"
    "    id=redis.call('XADD',KEYS[1],string.format('%.0f-%.0f',ms,k),'o',o,'t',t,"
    "'c',string.format('%.0f',sum),'d',d)\n"
    "    k=k+1\n"
    "    redis.call('PUBLISH',KEYS[1],id..'\\n'..o..'\\n'..t..'\\n'..d)\n"
    "  end\n"
    "  ids[#ids+1]=id\n"
    "end\n"
    "redis.call('XTRIM',KEYS[1],'MAXLEN',ARGV[1])\n"
    "local ttl=tonumber(ARGV[3])\n"
    "if ttl>0 then\n"
    "  redis.call('XTRIM',KEYS[1],'MINID',string.format('%.0f',now-ttl))\n"
    "  redis.call('PEXPIRE',KEYS[1],string.format('%.0f',2*ttl))\n"
    "end\n"
    "while true do\n"
    "  local h=redis.call('XRANGE',KEYS[1],'-','+','COUNT',2)\n"
    "  if not h[2] then break end\n"
    "  local c,d=tonumber(field(h[1],'c') or '0') or 0,field(h[1],'d') or ''\n"
    "  if sum-c+#d<=tonumber(ARGV[2]) then break end\n"
    "  redis.call('XDEL',KEYS[1],h[1][1])\n"
    "end\n"
    "return ids\n";

/* ARGV: the two parts of the offset, the id after it, the limit and one or 0, age in ms or 0.  An
 * offset above the top is of another time: then all is read. */
static const char read_script[] =
    TIME TOP "if not top then return {'','',{}} end\n"
             "local a,b=string.match(top[1],'^(%d+)-(%d+)$')\n"
             "local fa,fb,from=tonumber(ARGV[1]),tonumber(ARGV[2]),ARGV[3]\n"
             "a,b=tonumber(a),tonumber(b)\n"
             "if fa>a or (fa==a and fb>b) then from='-' end\n"
             "local oldest,ttl='-',tonumber(ARGV[5])\n"
             "if ttl>0 then oldest=string.format('%.0f',math.max(now-ttl,0)) end\n"
             "local first=redis.call('XRANGE',KEYS[1],oldest,'+','COUNT',1)[1]\n"
             "if not first then return {'',top[1],{}} end\n"
             "local list\n"
             "if ARGV[4]=='0' then list=redis.call('XREVRANGE',KEYS[1],'+',from)\n"
             "else list=redis.call('XREVRANGE',KEYS[1],'+',from,'COUNT',ARGV[4]) end\n"
             "return {first[1],top[1],list}\n";

/* Its ids go on above those that were there, by the time. */
static const char forget_script[] = "redis.call('DEL',KEYS[1])\n"
                                    "return {'','',{}}\n";

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static yodel_bytes bytes_of_str(yodel_str text)
{
    return (yodel_bytes){(const uint8_t *)text.ptr, text.len};
}

static int ask(const struct yd_kept *kept, const yodel_bytes *argv, size_t argc, yodel_str key,
               yd_redis_reply_fn *fn, void *arg)
{
    struct yd_redis_command command = {
        .argc = argc, .argv = argv, .fn = fn, .arg = arg, .key = key};

    return yd_redis_command(kept->redis, &command);
}

yodel_str yd_kept_key(const struct yd_kept *kept, yodel_str group, char buf[YD_KEPT_KEY_SIZE])
{
    int len = snprintf(buf, YD_KEPT_KEY_SIZE, "%s:history:%s:%.*s", kept->prefix, kept->layer,
                       (int)group.len, group.ptr);

    return (yodel_str){buf, (size_t)len};
}

/* ---- groups ---- */

/* The id after it; false: there is none. */
static bool write_next(struct yd_offset offset, char text[YODEL_OFFSET_SIZE])
{
    offset.b++;
    if (offset.b == 0)
        offset.a++;
    yd_offset_write(offset, text);
    return offset.a != 0 || offset.b != 0;
}

int yd_kept_ask_top(const struct yd_kept_group *group, yd_redis_reply_fn *fn, void *arg)
{
    const yodel_bytes argv[] = {bytes_of("XREVRANGE"), bytes_of_str(group->sub.name),
                                bytes_of("+"),         bytes_of("-"),
                                bytes_of("COUNT"),     bytes_of("1")};

    return ask(group->kept, argv, sizeof argv / sizeof argv[0], group->sub.name, fn, arg);
}

int yd_kept_ask_next(const struct yd_kept_group *group, yd_redis_reply_fn *fn, void *arg)
{
    char from[YODEL_OFFSET_SIZE], count[12];
    yodel_bytes argv[6];

    (void)write_next(group->last, from);
    (void)snprintf(count, sizeof count, "%u", group->batch);
    argv[0] = bytes_of("XRANGE");
    argv[1] = bytes_of_str(group->sub.name);
    argv[2] = bytes_of(from);
    argv[3] = bytes_of("+");
    argv[4] = bytes_of("COUNT");
    argv[5] = bytes_of(count);
    return ask(group->kept, argv, sizeof argv / sizeof argv[0], group->sub.name, fn, arg);
}

/* ---- reading ---- */

#define MAX_LIMIT 1000000000

/* 0: without an end. */
static uint32_t age_of(const yodel_history_options *options)
{
    return options->ttl_ms != UINT32_MAX ? options->ttl_ms : 0;
}

int yd_kept_ask_read(const struct yd_kept *kept, const struct yd_history_read *read,
                     const yodel_history_options *options, yd_redis_reply_fn *fn, void *arg)
{
    char buf[YD_KEPT_KEY_SIZE], from[YODEL_OFFSET_SIZE], a[24], b[24], limit[24], age[12];
    yodel_str key = yd_kept_key(kept, (yodel_str){read->name, read->name_len}, buf);
    size_t most = YD_MIN(read->limit, (size_t)MAX_LIMIT);
    bool has_next = write_next(read->from, from);
    yodel_bytes argv[9];

    (void)snprintf(a, sizeof a, "%" PRIu64, read->from.a);
    (void)snprintf(b, sizeof b, "%" PRIu64, read->from.b);
    (void)snprintf(limit, sizeof limit, "%zu", most > 0 ? most + 1 : 0);
    (void)snprintf(age, sizeof age, "%" PRIu32, age_of(options));
    argv[0] = bytes_of("EVAL");
    argv[1] = read->forgets
                  ? (yodel_bytes){(const uint8_t *)forget_script, sizeof forget_script - 1}
                  : (yodel_bytes){(const uint8_t *)read_script, sizeof read_script - 1};
    argv[2] = bytes_of("1");
    argv[3] = bytes_of_str(key);
    argv[4] = bytes_of(a);
    argv[5] = bytes_of(b);
    argv[6] = bytes_of(has_next ? from : "-");
    argv[7] = bytes_of(limit);
    argv[8] = bytes_of(age);
    return ask(kept, argv, sizeof argv / sizeof argv[0], key, fn, arg);
}

/* ---- adding ---- */

#define FIXED_WORDS 9

void yd_kept_words_begin(struct yd_kept_words *words, const struct yd_kept *kept, yodel_str key,
                         const yodel_history_options *options, bool again)
{
    const yodel_bytes script = {(const uint8_t *)append_script, sizeof append_script - 1};

    words->num = 0;
    (void)snprintf(words->max, sizeof words->max, "%u", options->max_messages);
    (void)snprintf(words->max_bytes, sizeof words->max_bytes, "%zu", options->max_bytes);
    (void)snprintf(words->ttl, sizeof words->ttl, "%" PRIu32, age_of(options));
    words->argv[0] = bytes_of("EVAL");
    words->argv[1] = script;
    words->argv[2] = bytes_of("1");
    words->argv[3] = bytes_of_str(key);
    words->argv[4] = bytes_of(words->max);
    words->argv[5] = bytes_of(words->max_bytes);
    words->argv[6] = bytes_of(words->ttl);
    words->argv[7] = bytes_of(again ? "1" : "0");
    words->argv[8] = bytes_of(yd_bus_process(kept->bus));
}

void yd_kept_words_add(struct yd_kept_words *words, uint64_t number, struct yd_msg *msg)
{
    char *text = words->numbers[words->num];
    yodel_bytes *argv = &words->argv[FIXED_WORDS + 3 * words->num++];

    (void)snprintf(text, sizeof words->numbers[0], "%" PRIu64, number);
    argv[0] = bytes_of(text);
    argv[1] = bytes_of(msg->type == YODEL_WS_TEXT ? "1" : "2");
    argv[2] = (yodel_bytes){yd_msg_payload(msg), msg->len};
}

int yd_kept_ask_append(const struct yd_kept *kept, const struct yd_kept_words *words,
                       yd_redis_reply_fn *fn, void *arg)
{
    yodel_str key = {(const char *)words->argv[3].ptr, words->argv[3].len};

    return ask(kept, words->argv, FIXED_WORDS + 3 * words->num, key, fn, arg);
}
