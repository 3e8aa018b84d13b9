/* SPDX-License-Identifier: MIT */
#include "redis/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/core.h"
#include "redis/resp.h"

/* Bytes that are under way before more is sent.  What was never sent survives the connection. */
#define WINDOW ((size_t)1024 * 1024)
/* Nodes that one request is sent to before it counts as refused. */
#define MOST_MOVES 5

/* ---- requests ---- */

/* Where the script of an EVAL is, which the first word and its size tell. */
static void note_script(struct yd_redis_request *request, const struct yd_redis_command *command)
{
    if (command->argc < 3 || command->argv[0].len != 4 ||
        memcmp(command->argv[0].ptr, "EVAL", 4) != 0)
        return;
    if (command->argv[1].len > YD_REDIS_MOST_SCRIPT)
        return;
    request->script = (uint32_t)command->argv[1].len;
    request->num_words = command->argc;
    for (size_t i = 2; i < command->argc; i++)
        request->behind += yd_resp_head_size(command->argv[i].len) + command->argv[i].len + 2;
}

int yd_redis_request_new(yodel_redis *redis, const struct yd_redis_command *command,
                         struct yd_redis_request **ret_request)
{
    size_t len = yd_resp_command_size(command->argc, command->argv);
    struct yd_redis_request *request = yd_alloc(redis->env.mem, sizeof *request + len);
    uint8_t *wire;

    if (request == NULL)
        return -ENOMEM;
    wire = (uint8_t *)(request + 1);
    *request = (struct yd_redis_request){
        .redis = redis,
        .fn = command->fn,
        .arg = command->arg,
        .free_arg = command->free_arg,
        .slot = YD_REDIS_NO_SLOT,
        .len = len,
        .wire = wire,
    };
    yd_resp_command_write(wire, command->argc, command->argv);
    note_script(request, command);
    yd_redis_hold(redis);
    *ret_request = request;
    return 0;
}

void yd_redis_request_free(struct yd_redis_request *request)
{
    yodel_redis *redis = request->redis;

    yd_free(redis->env.mem, request);
    yd_redis_release(redis);
}

static void account(const struct yd_redis_request *request, const struct yd_redis_reply *reply)
{
    yodel_redis *redis = request->redis;

    if (reply != NULL && reply->type != YODEL_REDIS_ERROR)
        yd_redis_count(&redis->published, 1);
    else if (reply == NULL || request->is_message)
        yd_redis_count(&redis->dropped, 1);
    atomic_fetch_sub_explicit(&redis->waiting, request->len, memory_order_relaxed);
}

static void tell(struct yd_redis_request *request, const struct yd_redis_reply *reply)
{
    if (request->fn != NULL)
        request->fn(reply, request->arg);
    if (request->free_arg != NULL)
        request->free_arg(request->arg);
    yd_redis_request_free(request);
}

void yd_redis_request_end(struct yd_redis_request *request, const struct yd_redis_reply *reply)
{
    account(request, reply);
    tell(request, reply);
}

static void run_lost(struct yd_mail *mail, void *receiver)
{
    (void)receiver;
    tell(yd_container_of(mail, struct yd_redis_request, mail), NULL);
}

/* Inside a call that sends another one, whose caller may hold locks: who waits is told after it. */
static void lose(struct yd_redis_request *request)
{
    account(request, NULL);
    request->mail.run = run_lost;
    if (request->fn != NULL || request->free_arg != NULL)
        yd_loop_task(request->redis->env.loop, &request->mail);
    else
        yd_redis_request_free(request);
}

/* ---- queues ---- */

static void queue_init(struct yd_redis_queue *queue)
{
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->bytes = 0;
}

static void push(struct yd_redis_queue *queue, struct yd_redis_request *request)
{
    request->next = NULL;
    *queue->tail = request;
    queue->tail = &request->next;
    queue->bytes += request->len;
}

static struct yd_redis_request *pop(struct yd_redis_queue *queue)
{
    struct yd_redis_request *request = queue->head;

    if (request == NULL)
        return NULL;
    queue->head = request->next;
    if (queue->head == NULL)
        queue->tail = &queue->head;
    queue->bytes -= request->len;
    return request;
}

/* Handlers may add others meanwhile: those are left alone. */
static void end_all(struct yd_redis_request *list, void (*end)(struct yd_redis_request *request))
{
    while (list != NULL) {
        struct yd_redis_request *request = list;

        list = request->next;
        if (request->loads != 0)
            yd_redis_request_free(request);
        else if (!request->is_ping)
            end(request);
    }
}

static struct yd_redis_request *take_all(struct yd_redis_queue *queue)
{
    struct yd_redis_request *list = queue->head;

    queue_init(queue);
    return list;
}

/* ---- what goes out ---- */

static struct yd_redis_pipe *pipe_of(struct yd_redis_link *link)
{
    return yd_container_of(link, struct yd_redis_pipe, link);
}

/* Ahead of the command that has it, which goes out whole this time: it has its place whatever Redis
 * answers to this.  NULL: out of memory, or it is on its way. */
static struct yd_redis_request *make_load(struct yd_redis_pipe *pipe,
                                          const struct yd_redis_script *script)
{
    const yodel_bytes words[] = {
        {(const uint8_t *)"SCRIPT", 6}, {(const uint8_t *)"LOAD", 4}, {script->text, script->len}};
    const struct yd_redis_command command = {.argc = 3, .argv = words};
    struct yd_redis_request *request;

    if ((pipe->loading & script->bit) != 0 ||
        yd_redis_request_new(pipe->link.redis, &command, &request) < 0)
        return NULL;
    request->loads = script->bit;
    pipe->loading |= script->bit;
    return request;
}

static int send_by_digest(struct yd_redis_pipe *pipe, const struct yd_redis_request *request,
                          const struct yd_redis_script *script)
{
    const size_t rest = request->behind + 2; /* and the end of the script's line */
    char head[100];
    int len = snprintf(head, sizeof head, "*%zu\r\n$7\r\nEVALSHA\r\n$40\r\n%s", request->num_words,
                       script->digest);
    int rc = yd_redis_link_send(&pipe->link, head, (size_t)len, 0);

    if (rc == 0)
        rc = yd_redis_link_send(&pipe->link, request->wire + request->len - rest, rest, 1);
    return rc;
}

/* If it fails it has gone out in part, perhaps: the link is lost, and it with it. */
static int send_request(struct yd_redis_pipe *pipe, struct yd_redis_request *request)
{
    yodel_redis *redis = request->redis;
    const yodel_bytes text = {request->wire + request->len - request->behind - 2 - request->script,
                              request->script};
    const struct yd_redis_script *script =
        request->script > 0 ? yd_redis_script_find(&redis->scripts, redis->env.mem, text) : NULL;
    struct yd_redis_request *load = NULL;
    int rc;

    request->by_digest = script != NULL && (pipe->loaded & script->bit) != 0;
    if (script != NULL && !request->by_digest && (load = make_load(pipe, script)) != NULL)
        push(&pipe->sent, load);
    push(&pipe->sent, request);
    if (request->by_digest)
        return send_by_digest(pipe, request, script);
    if (load != NULL && (rc = yd_redis_link_send(&pipe->link, load->wire, load->len, 1)) < 0)
        return rc;
    return yd_redis_link_send(&pipe->link, request->wire, request->len, 1);
}

static void flush(struct yd_redis_pipe *pipe)
{
    while (pipe->waiting.head != NULL && yd_redis_link_is_ready(&pipe->link) &&
           (pipe->sent.head == NULL || pipe->sent.bytes < WINDOW)) {
        if (send_request(pipe, pop(&pipe->waiting)) < 0)
            return;
    }
}

static bool starts_with(yodel_str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

/* The first word of what was sent: "*2\r\n$7\r\nPUBLISH\r\n...". */
static yodel_str command_of(const struct yd_redis_request *request)
{
    const char *end = (const char *)request->wire + request->len;
    const char *at = memchr(request->wire, '\n', request->len), *word;

    if (at != NULL && (at = memchr(at + 1, '\n', (size_t)(end - at - 1))) != NULL &&
        (word = memchr(at + 1, '\r', (size_t)(end - at - 1))) != NULL)
        return (yodel_str){at + 1, (size_t)(word - at - 1)};
    return (yodel_str){NULL, 0};
}

static void tell_refusal(yodel_redis *redis, const struct yd_redis_request *request,
                         const struct yd_redis_reply *reply)
{
    yodel_str command = command_of(request);

    if (yd_redis_tell_refusal(redis, command, reply->text) || request->of_program ||
        !yd_redis_may_log(redis))
        return;
    if (request->is_message)
        yd_log(redis->env.log, YODEL_LOG_WARN,
               "redis refuses to publish to %" YODEL_PRI ": %" YODEL_PRI, YODEL_ARG(request->name),
               YODEL_ARG(reply->text));
    else
        yd_log(redis->env.log, YODEL_LOG_WARN, "redis refuses %" YODEL_PRI ": %" YODEL_PRI,
               YODEL_ARG(command), YODEL_ARG(reply->text));
}

/* Whether an error was for this node and not for the request: it has not been carried out. */
static bool must_move(const yodel_redis *redis, const struct yd_redis_request *request,
                      const struct yd_redis_reply *reply)
{
    return yd_redis_is_cluster(redis) && request->moves < MOST_MOVES &&
           request->slot != YD_REDIS_NO_SLOT && starts_with(reply->text, "MOVED ");
}

static void end_refused(struct yd_redis_pipe *pipe, struct yd_redis_request *request,
                        const struct yd_redis_reply *reply)
{
    yodel_redis *redis = pipe->link.redis;
    bool log_in = starts_with(reply->text, "NOAUTH");
    bool leave = log_in || starts_with(reply->text, "READONLY");

    if (must_move(redis, request, reply)) {
        request->moves++;
        redis->hooks->moved(redis, reply->text);
        redis->hooks->reroute(redis, request);
        return;
    }
    if (starts_with(reply->text, "CLUSTERDOWN"))
        redis->hooks->refresh(redis);
    tell_refusal(redis, request, reply);
    yd_redis_request_end(request, reply);
    if (leave && !log_in &&
        !yd_redis_is_cluster(
            redis)) /* it is seen at once from now on, and not when something is written */
        pipe->link.must_be_master = true;
    if (leave)
        yd_redis_link_fail(&pipe->link,
                           log_in ? "NOAUTH: it wants a login" : "READONLY: no master");
}

/* What follows it may be carried out: all that is under way ends as with a connection that is lost,
 * and goes out whole by the next one. */
static bool is_missing(struct yd_redis_pipe *pipe, struct yd_redis_request *request,
                       const struct yd_redis_reply *reply)
{
    bool is_denied = starts_with(reply->text, "NOPERM");

    if (!request->by_digest || (!is_denied && !starts_with(reply->text, "NOSCRIPT")))
        return false;
    yd_redis_script_missing(&pipe->link.redis->scripts, is_denied);
    lose(request);
    yd_redis_link_fail(&pipe->link,
                       is_denied ? "EVALSHA is not allowed" : "NOSCRIPT: it has lost its scripts");
    return true;
}

/* One that is refused is not asked for again by this connection. */
static void on_loaded(struct yd_redis_pipe *pipe, struct yd_redis_request *request,
                      const struct yd_redis_reply *reply)
{
    if (reply->type != YODEL_REDIS_ERROR)
        pipe->loaded |= request->loads;
    yd_redis_request_free(request);
}

static void on_reply(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    struct yd_redis_pipe *pipe = pipe_of(link);
    struct yd_redis_request *request = pop(&pipe->sent);
    yodel_redis *redis = link->redis;

    if (request == NULL) {
        yd_redis_count_malformed(redis);
        yd_redis_link_fail(link, "a reply to nothing");
        return;
    }
    yd_redis_link_got(link);
    if (request->is_ping)
        return;
    if (request->loads != 0) {
        on_loaded(pipe, request, reply);
        return;
    }
    if (reply->type == YODEL_REDIS_ERROR && is_missing(pipe, request, reply))
        return;
    if (reply->type == YODEL_REDIS_ERROR)
        end_refused(pipe, request, reply);
    else
        yd_redis_request_end(request, reply);
    flush(pipe);
    if (yd_redis_pipe_is_empty(pipe))
        redis->hooks->emptied(redis);
}

/* Nothing is under way. */
static void on_quiet(struct yd_redis_link *link)
{
    struct yd_redis_pipe *pipe = pipe_of(link);

    push(&pipe->sent, &pipe->ping);
    (void)yd_redis_link_send(link, pipe->ping.wire, pipe->ping.len, 1);
}

static void on_ready(struct yd_redis_link *link)
{
    link->redis->hooks->changed(link->redis);
    flush(pipe_of(link));
}

/* What was sent is never sent again: Redis may have it. */
static void on_lost(struct yd_redis_link *link)
{
    yodel_redis *redis = link->redis;

    pipe_of(link)->loaded = pipe_of(link)->loading = 0;
    redis->hooks->changed(redis);
    end_all(take_all(&pipe_of(link)->sent), lose);
    if (yd_redis_pipe_is_empty(pipe_of(link)))
        redis->hooks->emptied(redis);
}

static const struct yd_redis_link_ops link_ops = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_lost = on_lost,
    .on_quiet = on_quiet,
    .locate = yd_redis_locate,
    .on_failed = yd_redis_failed,
};

/* ---- the pipe ---- */

void yd_redis_pipe_init(struct yd_redis_pipe *pipe, yodel_redis *redis,
                        const struct yd_redis_address *address)
{
    pipe->link.redis = redis;
    pipe->link.ops = &link_ops;
    pipe->link.address = address;
    pipe->link.what = "commands";
    pipe->link.ends_last = true;
    yd_redis_link_init(&pipe->link);
    queue_init(&pipe->waiting);
    queue_init(&pipe->sent);
    pipe->ping = (struct yd_redis_request){.redis = redis,
                                           .is_ping = true,
                                           .wire = (const uint8_t *)yd_redis_link_ping,
                                           .len = sizeof yd_redis_link_ping - 1};
}

void yd_redis_pipe_add(struct yd_redis_pipe *pipe, struct yd_redis_request *request)
{
    push(&pipe->waiting, request);
    flush(pipe);
}

bool yd_redis_pipe_drop_oldest(struct yd_redis_pipe *pipe)
{
    struct yd_redis_request *request = pop(&pipe->waiting);

    if (request == NULL)
        return false;
    lose(request);
    return true;
}

struct yd_redis_request *yd_redis_pipe_take(struct yd_redis_pipe *pipe)
{
    return take_all(&pipe->waiting);
}

static void end_stopped(struct yd_redis_request *request)
{
    yd_redis_request_end(request, NULL);
}

void yd_redis_pipe_stop(struct yd_redis_pipe *pipe, bool gently)
{
    struct yd_redis_request *sent = take_all(&pipe->sent), *waiting = take_all(&pipe->waiting);

    yd_redis_link_stop(&pipe->link, gently);
    end_all(sent, end_stopped);
    end_all(waiting, end_stopped);
}
