/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "net/tls.h"
#include "redis/cluster.h"
#include "redis/core.h"
#include "redis/round.h"
#include "redis/sentinel.h"

/* The client as a whole: its life and its state. */

/* ---- state ---- */

static yodel_redis_condition state_of(const yodel_redis *redis)
{
    const struct yd_redis_feed *feed = &redis->home.feed;

    if (redis->ended || !yd_redis_link_is_ready(&redis->home.pipe.link))
        return YODEL_REDIS_DOWN;
    if ((feed->num_names > 0 && !yd_redis_link_is_ready(&feed->link)) || feed->missing > 0 ||
        !yd_redis_rounds_are_ready(redis) || !yd_redis_cluster_is_whole(redis))
        return YODEL_REDIS_DEGRADED;
    return YODEL_REDIS_UP;
}

static struct yd_redis_watcher *watcher_of(struct yd_list *node)
{
    return yd_container_of(node, struct yd_redis_watcher, node);
}

enum news { NEWS_UP, NEWS_DOWN, NEWS_FINISH };

static void tell_one(struct yd_redis_watcher *watcher, enum news news)
{
    if (news == NEWS_UP && watcher->on_up != NULL)
        watcher->on_up(watcher);
    else if (news == NEWS_DOWN && watcher->on_down != NULL)
        watcher->on_down(watcher);
    else if (news == NEWS_FINISH && watcher->on_finish != NULL)
        watcher->on_finish(watcher);
}

/* Each is put back ahead of its call: it may leave, and others may come. */
static void tell_watchers(yodel_redis *redis, enum news news)
{
    struct yd_list todo;

    yd_list_move(&redis->watchers, &todo);
    yd_list_init(&redis->watchers);
    while (!yd_list_is_empty(&todo)) {
        struct yd_redis_watcher *watcher = watcher_of(todo.next);

        yd_list_remove(&watcher->node);
        yd_list_append(&redis->watchers, &watcher->node);
        tell_one(watcher, news);
    }
}

static void set_state(yodel_redis *redis, yodel_redis_condition state)
{
    yodel_redis_condition before = (yodel_redis_condition)atomic_load(&redis->state);

    if (before == state)
        return;
    atomic_store(&redis->state, state);
    if (state == YODEL_REDIS_UP)
        tell_watchers(redis, NEWS_UP);
    else if (before == YODEL_REDIS_UP)
        tell_watchers(redis, NEWS_DOWN);
    if (redis->on_state != NULL)
        redis->on_state(redis, state, redis->state_user);
}

static void run_task(struct yd_mail *mail, void *receiver)
{
    yodel_redis *redis = yd_container_of(mail, yodel_redis, task);

    (void)receiver;
    redis->changed = false;
    yd_redis_rounds_sweep(redis);
    set_state(redis, state_of(redis));
    yd_redis_release(redis);
}

/* Not inside the call that has changed it. */
static void changed(yodel_redis *redis)
{
    if (redis->changed || !redis->begun || redis->ended)
        return;
    redis->changed = true;
    yd_redis_hold(redis);
    yd_loop_task(redis->env.loop, &redis->task);
}

void yd_redis_on_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    yd_list_append(&redis->watchers, &watcher->node);
    if (atomic_load(&redis->state) == YODEL_REDIS_UP && watcher->on_up != NULL)
        watcher->on_up(watcher);
}

void yd_redis_off_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    (void)redis;
    if (watcher->node.next != NULL)
        yd_list_remove(&watcher->node);
}

/* ---- where to connect to ---- */

static void on_located(yodel_redis *redis, yodel_str host, unsigned port)
{
    struct yd_redis_node *home = &redis->home;
    bool same = yd_redis_address_is(&home->address, host, port);

    if (redis->ended ||
        (!same && yd_redis_address_set(redis->env.mem, &home->address, host, port) < 0))
        return;
    redis->located = true;
    if (!same) {
        yd_redis_link_redirect(&home->pipe.link);
        yd_redis_link_redirect(&home->feed.link);
    }
    if (home->pipe.link.phase == YD_REDIS_LINK_LOST)
        yd_redis_link_go(&home->pipe.link);
    if (home->feed.link.phase == YD_REDIS_LINK_LOST)
        yd_redis_link_go(&home->feed.link);
    yd_redis_rounds_go(redis);
}

static bool locate(yodel_redis *redis, struct yd_redis_link *link)
{
    (void)link;
    if (redis->sentinel == NULL || redis->located)
        return true;
    yd_sentinel_ask(redis->sentinel, on_located);
    return redis->located;
}

static void failed(yodel_redis *redis, struct yd_redis_link *link)
{
    if (redis->sentinel != NULL)
        redis->located = false;
    if (!yd_redis_is_cluster(redis))
        return;
    if (link == &redis->home.pipe.link)
        yd_redis_cluster_turn(redis);
    yd_redis_cluster_refresh(redis);
}

/* ---- what goes out ---- */

/* Room for what comes, where it is made that way. */
static void make_room(yodel_redis *redis, struct yd_redis_pipe *pipe)
{
    const yodel_redis_options *options = &redis->config.options;

    while (options->policy == YODEL_REDIS_DROP_OLDEST &&
           atomic_load_explicit(&redis->waiting, memory_order_relaxed) > options->max_queue)
        if (!yd_redis_pipe_drop_oldest(pipe))
            break;
}

static void reroute(yodel_redis *redis, struct yd_redis_request *request)
{
    struct yd_redis_pipe *pipe;

    if (redis->ended) {
        yd_redis_request_end(request, NULL);
        return;
    }
    pipe = yd_redis_cluster_pipe(redis, request->slot);
    make_room(redis, pipe);
    yd_redis_pipe_add(pipe, request);
}

static void run_request(struct yd_mail *mail, void *receiver)
{
    struct yd_redis_request *request = yd_container_of(mail, struct yd_redis_request, mail);
    yodel_redis *redis = request->redis;

    (void)receiver;
    atomic_fetch_sub(&redis->num_mails, 1);
    reroute(redis, request);
}

/* On its loop at once, unless something of this thread may be in the mailbox still. */
static int hand_in(yodel_redis *redis, struct yd_redis_request *request)
{
    struct yd_loop *loop = redis->env.loop;
    int rc;

    if (yd_loop_is_current(loop) && redis->begun && atomic_load(&redis->num_mails) == 0) {
        reroute(redis, request);
        return 0;
    }
    request->mail.run = run_request;
    atomic_fetch_add(&redis->num_mails, 1);
    if ((rc = yd_loop_post(loop, &request->mail)) < 0)
        atomic_fetch_sub(&redis->num_mails, 1);
    return rc;
}

/* Accounts for so many bytes: 0 or YODEL_ERR_CONGESTED.  With DROP_OLDEST room is made on the loop,
 * and until then as much again may wait. */
static int reserve(yodel_redis *redis, size_t len)
{
    size_t max = redis->config.options.max_queue;
    size_t before = atomic_fetch_add_explicit(&redis->waiting, len, memory_order_relaxed);

    if (redis->config.options.policy == YODEL_REDIS_DROP_OLDEST)
        max = max > SIZE_MAX / 2 ? SIZE_MAX : 2 * max;
    if (before == 0 || (before <= max && len <= max - before))
        return 0;
    atomic_fetch_sub_explicit(&redis->waiting, len, memory_order_relaxed);
    yd_redis_count(&redis->dropped, 1);
    return YODEL_ERR_CONGESTED;
}

static int send_request(yodel_redis *redis, struct yd_redis_request *request)
{
    size_t len = request->len;
    int rc;

    if ((rc = reserve(redis, len)) == 0 && (rc = hand_in(redis, request)) < 0)
        atomic_fetch_sub_explicit(&redis->waiting, len, memory_order_relaxed);
    if (rc < 0)
        yd_redis_request_free(request);
    return rc;
}

static uint16_t slot_of(const yodel_redis *redis, yodel_str key)
{
    return yd_redis_is_cluster(redis) && key.len > 0 ? (uint16_t)yd_resp_slot(key)
                                                     : YD_REDIS_NO_SLOT;
}

int yd_redis_publish(yodel_redis *redis, yodel_str channel, yodel_bytes payload, unsigned flags)
{
    bool shard = (flags & YD_REDIS_SHARD) != 0;
    const char *word = shard ? "SPUBLISH" : "PUBLISH";
    const yodel_bytes argv[] = {{(const uint8_t *)word, strlen(word)},
                                {(const uint8_t *)channel.ptr, channel.len},
                                payload};
    const struct yd_redis_command command = {.argc = YD_LEN(argv), .argv = argv};
    struct yd_redis_request *request;
    int rc;

    if (channel.len == 0)
        return -EINVAL;
    if (payload.len > redis->config.options.max_publish)
        return YODEL_ERR_TOO_BIG;
    if (atomic_load_explicit(&redis->closed, memory_order_relaxed))
        return YODEL_ERR_CLOSED;
    if ((rc = yd_redis_request_new(redis, &command, &request)) < 0)
        return rc;
    request->is_message = true;
    request->name = (yodel_str){(const char *)request->wire + request->len - payload.len -
                                    yd_resp_head_size(payload.len) - 4 - channel.len,
                                channel.len};
    if (shard)
        request->slot = slot_of(redis, channel);
    return send_request(redis, request);
}

static int check_command(const yodel_redis *redis, const struct yd_redis_command *command)
{
    size_t max = redis->config.options.max_publish, total = 0;

    if (command->argc == 0 || command->argc > INT32_MAX)
        return -EINVAL;
    for (size_t i = 0; i < command->argc; i++) {
        if (command->argv[i].len > max - total)
            return YODEL_ERR_TOO_BIG;
        total += command->argv[i].len;
    }
    return atomic_load_explicit(&redis->closed, memory_order_relaxed) ? YODEL_ERR_CLOSED : 0;
}

static int send_command(yodel_redis *redis, const struct yd_redis_command *command, bool of_program)
{
    struct yd_redis_request *request;
    int rc = check_command(redis, command);

    if (rc == 0 && (rc = yd_redis_request_new(redis, command, &request)) == 0) {
        request->slot = slot_of(redis, command->key);
        request->of_program = of_program;
        rc = send_request(redis, request);
    }
    if (rc < 0 && command->free_arg != NULL)
        command->free_arg(command->arg);
    return rc;
}

int yd_redis_command(yodel_redis *redis, const struct yd_redis_command *command)
{
    return send_command(redis, command, false);
}

int yd_redis_command_of_program(yodel_redis *redis, const struct yd_redis_command *command)
{
    return send_command(redis, command, true);
}

/* ---- its life ---- */

static void end(yodel_redis *redis, bool gently)
{
    if (redis->ended)
        return;
    redis->ended = redis->finishing = true;
    atomic_store(&redis->closed, true);
    if (redis->begun)
        yd_timer_stop(&redis->env.loop->wheel, &redis->finish_timer);
    yd_sentinel_stop(redis->sentinel);
    yd_redis_rounds_end(redis);
    yd_redis_feed_stop(&redis->home.feed);
    yd_redis_pipe_stop(&redis->home.pipe, gently);
    yd_redis_cluster_stop(redis, gently);
    set_state(redis, YODEL_REDIS_DOWN);
    if (!redis->begun)
        return;
    if (redis->env.on_ended != NULL)
        redis->env.on_ended(redis->env.owner);
    yd_redis_release(redis); /* of yd_redis_begin() */
}

static void run_close(struct yd_mail *mail, void *receiver)
{
    yodel_redis *redis = yd_container_of(mail, yodel_redis, close);

    (void)receiver;
    end(redis, false);
    yd_redis_release(redis);
}

static void check_finished(yodel_redis *redis)
{
    if (redis->finishing && !redis->ended && atomic_load(&redis->num_mails) == 0 &&
        yd_redis_pipe_is_empty(&redis->home.pipe) && yd_redis_cluster_is_empty(redis))
        end(redis, true);
}

/* How long what is to be said at a stop waits for a connection; ms. */
#define AWAY_MS 2000

/* Where one is there, replies are waited for: they come, or it fails. */
static void on_finish_timer(struct yd_timer *timer)
{
    yodel_redis *redis = yd_container_of(timer, yodel_redis, finish_timer);

    if (yd_redis_pipe_is_at_work(&redis->home.pipe) || yd_redis_cluster_is_at_work(redis))
        yd_timer_start(&redis->env.loop->wheel, timer, yd_loop_due(redis->env.loop, AWAY_MS));
    else
        end(redis, true);
}

static void free_redis(yodel_redis *redis)
{
    struct yd_redis_env env = redis->env;

    yd_redis_rounds_sweep(redis);
    yd_redis_names_free(redis);
    yd_redis_scripts_done(&redis->scripts, env.mem);
    yd_sentinel_free(redis->sentinel);
    yd_redis_cluster_free(redis);
    yd_redis_address_done(env.mem, &redis->home.address);
    yd_redis_config_done(env.mem, &redis->config);
    yd_tls_free(redis->tls);
    yd_free(env.mem, redis);
    if (env.release_owner != NULL)
        env.release_owner(env.owner);
}

static const struct yd_redis_hooks hooks = {
    .changed = changed,
    .reroute = reroute,
    .moved = yd_redis_cluster_moved,
    .refresh = yd_redis_cluster_refresh,
    .emptied = check_finished,
    .locate = locate,
    .failed = failed,
    .feed_for = yd_redis_feed_for,
    .free = free_redis,
};

void yd_redis_begin(yodel_redis *redis)
{
    if (redis->begun || redis->ended)
        return;
    redis->begun = true;
    yd_timer_init(&redis->finish_timer, on_finish_timer);
    yd_redis_hold(redis);
    yd_redis_link_start(&redis->home.pipe.link);
    if (redis->home.feed.num_names > 0 || !yd_list_is_empty(&redis->all_names))
        yd_redis_link_start(&redis->home.feed.link);
    yd_redis_rounds_begin(redis);
    yd_redis_cluster_refresh(redis);
}

void yd_redis_finish(yodel_redis *redis)
{
    if (redis->finishing)
        return;
    yd_redis_hold(redis);
    tell_watchers(redis, NEWS_FINISH);
    redis->finishing = true;
    atomic_store(&redis->closed, true);
    yd_redis_rounds_end(redis);
    yd_redis_feed_stop(&redis->home.feed);
    check_finished(redis);
    if (!redis->ended && redis->begun)
        yd_timer_start(&redis->env.loop->wheel, &redis->finish_timer,
                       yd_loop_due(redis->env.loop, AWAY_MS));
    yd_redis_release(redis);
}

void yd_redis_abandon(yodel_redis *redis)
{
    end(redis, false);
}

yodel_redis *yodel_redis_ref(yodel_redis *redis)
{
    if (redis == NULL)
        return NULL;
    atomic_fetch_add_explicit(&redis->users, 1, memory_order_relaxed);
    yd_redis_hold(redis);
    return redis;
}

yodel_redis *yodel_redis_unref(yodel_redis *redis)
{
    if (redis == NULL)
        return NULL;
    if (atomic_fetch_sub_explicit(&redis->users, 1, memory_order_acq_rel) > 1) {
        yd_redis_release(redis);
        return NULL;
    }
    redis->close.run = run_close;
    if (yd_loop_post(redis->env.loop, &redis->close) < 0)
        run_close(&redis->close, NULL);
    return NULL;
}

static int init_tls(yodel_redis *redis)
{
    const struct yd_redis_config *config = &redis->config;
    const struct yd_tls_client_options options = {
        .ca_file = config->ca_file,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .no_verify = config->options.no_verify != 0,
    };

    return config->tls ? yd_tls_new_client(redis->env.mem, redis->env.log, &options, &redis->tls)
                       : 0;
}

static int init_home(yodel_redis *redis)
{
    const struct yd_redis_address *first = &redis->config.addresses[0];
    struct yd_redis_address *address = &redis->home.address;

    yd_redis_node_init(&redis->home, redis);
    redis->home.pipe.link.must_be_master = redis->config.options.mode == YODEL_REDIS_SENTINEL;
    if (redis->config.options.mode == YODEL_REDIS_SENTINEL)
        return yd_sentinel_new(redis, &redis->sentinel);
    if (first->path == NULL)
        return yd_redis_address_set(redis->env.mem, address, yodel_str_of(first->host),
                                    first->port);
    address->path = yd_strdup(redis->env.mem, first->path);
    return address->path != NULL ? 0 : -ENOMEM;
}

static int init(yodel_redis *redis, const yodel_redis_options *options)
{
    struct yd_resp *resp;
    int rc;

    if ((rc = yd_redis_config_read(redis->env.mem, options, &redis->config)) < 0 ||
        (rc = yd_resp_new(redis->env.mem, 1, &resp)) < 0)
        return rc;
    yd_resp_free(resp); /* it is built with one */
    if ((rc = init_tls(redis)) < 0)
        return rc;
    return init_home(redis);
}

int yd_redis_new(const struct yd_redis_env *env, const yodel_redis_options *options,
                 yodel_redis **ret_redis)
{
    yodel_redis *redis = yd_zalloc(env->mem, sizeof *redis);
    int rc;

    if (redis == NULL)
        return -ENOMEM;
    redis->env = *env;
    redis->hooks = &hooks;
    redis->task.run = run_task;
    redis->chance = env->secret[0] ^ (env->secret[1] << 1);
    atomic_init(&redis->refs, 1);
    atomic_init(&redis->users, 1);
    yd_list_init(&redis->all_names);
    yd_list_init(&redis->rounds);
    yd_list_init(&redis->watchers);
    for (unsigned kind = 0; kind < YD_LEN(redis->names); kind++)
        yd_map_init(&redis->names[kind], env->mem, env->secret);
    yd_redis_cluster_init(redis);
    if ((rc = init(redis, options)) == 0) {
        *ret_redis = redis;
        return 0;
    }
    redis->env.release_owner = NULL;
    free_redis(redis);
    return rc;
}
