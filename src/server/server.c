/* SPDX-License-Identifier: MIT */
#include "server/server.h"

#include <errno.h>
#include <openssl/rand.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "server/backend.h"
#include "server/carrying.h"
#include "server/crypto.h"

/* An id has 8 bits for its loop. */
#define MOST_LOOPS 255u
#define MOST_CONNECTS 65535
#define MOST_THREADS 1024u

/* The peer's half of a close, ms. */
#define LINGER_MS 2000
/* The same, and a close frame's answer, once the server stops: a successor may wait for its end. */
#define STOP_MS 1000

/* ---- options ---- */

static unsigned count_cpus(void)
{
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof cpus, &cpus) < 0)
        return 1;
    return YD_MIN((unsigned)CPU_COUNT(&cpus), MOST_LOOPS);
}

#define DEFAULT(field, value)                                                                      \
    if (options->field == 0)                                                                       \
    options->field = (value)

static void fill_in(yodel_server_options *options)
{
    DEFAULT(loops, count_cpus());
    DEFAULT(max_message, 1024 * 1024);
    DEFAULT(max_buffered, 1024 * 1024);
    DEFAULT(max_header, 16 * 1024);
    DEFAULT(max_target, 8 * 1024);
    DEFAULT(max_headers, 100);
    DEFAULT(max_body, 1024 * 1024);
    DEFAULT(header_ms, 10000);
    DEFAULT(body_ms, 30000);
    DEFAULT(keep_ms, 75000);
    DEFAULT(decide_ms, 10000);
    DEFAULT(ping_ms, 25000);
    DEFAULT(pong_ms, 20000);
    DEFAULT(send_ms, 30000);
    DEFAULT(close_ms, 5000);
    DEFAULT(drain_ms, 5000);
    DEFAULT(max_mailbox, (size_t)64 * 1024 * 1024);
    DEFAULT(work_threads, 4);
    DEFAULT(max_work, 1000);
    DEFAULT(max_discard, 64 * 1024 * 1024);
    DEFAULT(discard_ms, 30000);
    DEFAULT(max_deflate_memory, (size_t)256 * 1024 * 1024);
    DEFAULT(trim_ms, 10000);
    DEFAULT(connects_ms, 1000);
    DEFAULT(messages_ms, 1000);
}

#undef DEFAULT

static int check_options(const yodel_server_options *options)
{
    const yodel_allocator *mem = options->allocator;

    if (options->loops > MOST_LOOPS || options->work_threads > MOST_THREADS ||
        options->max_address_connects > MOST_CONNECTS || !yd_stop_code_is_valid(options->stop_code))
        return -EINVAL;
    if (mem != NULL && (mem->alloc == NULL || mem->resize == NULL || mem->release == NULL))
        return -EINVAL;
    return 0;
}

/* ---- parts ---- */

/* A child that runs what its parent has made is another process: on the bus, and in names. */
int yd_server_name_process(yodel_server *server)
{
    uint8_t bytes[16];

    if (server->pid == getpid())
        return 0;
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return -EIO;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(server->process + 2 * i, 3, "%02x", bytes[i]);
    yd_bus_set_process(&server->bus, server->process);
    yd_ws_service_set_process(&server->ws, server->process);
    server->pid = getpid();
    return 0;
}

static int init_secrets(yodel_server *server)
{
    int rc = yd_server_begin_crypto();

    if (rc < 0)
        return rc;
    if (RAND_bytes((unsigned char *)server->secret, sizeof server->secret) != 1)
        return -EIO;
    return yd_server_name_process(server);
}

static int init_bus(yodel_server *server)
{
    struct yd_bus_options options = {
        .mem = &server->mem,
        .loops = server->loops,
        .num_loops = server->num_loops,
        .secret = {server->secret[0], server->secret[1]},
        .process = server->process,
    };

    return yd_bus_init(&server->bus, &options);
}

static int init_http(yodel_server *server)
{
    const yodel_server_options *options = &server->options;
    struct yd_http_options http = {
        .limits = {options->max_header, options->max_target, options->max_headers},
        .max_body = options->max_body,
        .max_buffered = options->max_buffered,
        .header_ms = options->header_ms,
        .body_ms = options->body_ms,
        .keep_ms = options->keep_ms,
        .decide_ms = options->decide_ms,
        .server_name = options->server_name,
    };

    return yd_http_init(&server->http, &server->mem, &server->log, &http, server);
}

static int init_ws(yodel_server *server)
{
    const yodel_server_options *options = &server->options;
    struct yd_ws_defaults defaults = {
        .max_message = options->max_message,
        .max_buffered = options->max_buffered,
        .max_deflate_memory = options->max_deflate_memory == SIZE_MAX
                                  ? SIZE_MAX
                                  : options->max_deflate_memory / server->num_loops,
        .ping_ms = options->ping_ms,
        .pong_ms = options->pong_ms,
        .close_ms = options->close_ms,
        .decide_ms = options->decide_ms,
        .server_name = server->http.options.server_name,
    };

    return yd_ws_service_init(&server->ws, &server->mem, &server->log, &defaults, server,
                              server->num_loops, server->process);
}

static int init_limits(yodel_server *server)
{
    const struct yd_limits_options limits = {
        .connections = server->options.max_address_connections,
        .handshakes = server->options.max_address_handshakes,
        .messages = server->options.max_address_messages,
        .conn_messages = server->options.max_messages,
        .period_ms = server->options.messages_ms,
        .secret = server->secret,
    };

    if (!yd_limits_are_set(&limits))
        return 0;
    server->limits = yd_limits_new(&server->mem, &limits);
    return server->limits != NULL ? 0 : -ENOMEM;
}

static int init_rates(yodel_server *server)
{
    const struct yd_rates_options rates = {
        .server = server->options.max_connects,
        .client = server->options.max_address_connects,
        .period_ms = server->options.connects_ms,
        .secret = server->secret,
    };

    if (!yd_rates_are_set(&rates))
        return 0;
    server->rates = yd_rates_new(&server->mem, &rates);
    return server->rates != NULL ? 0 : -ENOMEM;
}

static void keep(void *server)
{
    (void)yodel_server_ref(server);
}

/* NULL: nothing is given back. */
static struct yd_trimmer *trimmer_of(yodel_server *server)
{
    bool trims = server->options.trim_ms != UINT32_MAX && yd_mem_can_trim(&server->mem);

    return trims ? &server->trimmer : NULL;
}

static int init_worker(yodel_server *server, const struct yd_loop_ops *ops, unsigned i)
{
    struct yd_net_options net = {
        .send_ms = server->options.send_ms,
        .linger_ms = LINGER_MS,
        .close_ms = server->options.close_ms,
        .discard_ms = server->options.discard_ms,
        .max_discard = server->options.max_discard,
        .stop_ms = STOP_MS,
        .max_connections = server->options.max_connections,
        .num_connections = &server->num_connections,
        .num_outgoing = &server->num_outgoing,
        .limits = server->limits,
        .rates = server->rates,
        .trimmer = trimmer_of(server),
        .header_ms = server->options.header_ms,
        .on_refused = server->options.on_refused,
        .refused_user = server->options.refused_user,
    };
    struct yd_worker *worker = &server->workers[i];
    int rc;

    if ((rc = yd_loop_new(ops, &server->mem, &server->log, i, &server->loops[i])) < 0)
        return rc;
    server->loops[i]->keeper = (struct yd_keeper){server, keep, yd_server_release};
    yd_loop_limit_mail(server->loops[i], server->options.max_mailbox);
    yd_worker_init(worker, server, server->loops[i]);
    yd_net_init(&worker->net, server->loops[i], &net);
    worker->net.on_connection = yd_http_connection;
    worker->net.user = &server->http;
    return 0;
}

static int init_workers(yodel_server *server, const struct yd_loop_ops *ops)
{
    unsigned num = server->options.loops;
    int rc;

    server->loops = yd_alloc_array(&server->mem, num, sizeof *server->loops);
    server->workers = yd_alloc_array(&server->mem, num, sizeof *server->workers);
    if (server->loops == NULL || server->workers == NULL)
        return -ENOMEM;
    memset(server->workers, 0, num * sizeof *server->workers);
    while (server->num_loops < num) {
        if ((rc = init_worker(server, ops, server->num_loops)) < 0)
            return rc;
        server->num_loops++;
    }
    return 0;
}

static void free_server(yodel_server *server)
{
    yodel_allocator mem = server->mem;

    yd_addresses_close(server);
    yd_handover_done(server);
    for (unsigned i = 0; i < server->num_loops; i++)
        yd_loop_close(server->loops[i]);
    yd_bus_close(&server->bus);
    for (unsigned i = 0; i < server->num_loops; i++) {
        struct yd_net *net = &server->workers[i].net;

        yd_loop_free(server->loops[i]);
        yd_net_done(net);
    }
    yd_limits_free(server->limits);
    yd_rates_free(server->rates);
    yd_addresses_free(server);
    yd_carrying_free(server->carrying);
    yd_services_free(server);
    yd_hooks_free(server);
    yd_outlets_free(server);
    yd_work_pool_free(server->work);
    yd_trimmer_done(&server->trimmer);
    yd_ws_service_done(&server->ws);
    yd_http_done(&server->http);
    yd_parts_free(server);
    yd_bus_done(&server->bus);
    yd_fork_mark_free(server->mark);
    yd_free(&mem, server->loops);
    yd_free(&mem, server->workers);
    yd_free(&mem, server);
}

static int init_parts(yodel_server *server, const struct yd_loop_ops *ops)
{
    int rc;

    if ((rc = init_secrets(server)) < 0 || (rc = init_limits(server)) < 0 ||
        (rc = init_rates(server)) < 0 ||
        (rc = yd_work_pool_new(&server->mem, server->options.work_threads, server->options.max_work,
                               &server->work)) < 0 ||
        (rc = init_workers(server, ops)) < 0 || (rc = init_bus(server)) < 0 ||
        (rc = init_http(server)) < 0)
        return rc;
    return init_ws(server);
}

int yodel_server_new(const yodel_server_options *given, yodel_server **ret_server)
{
    if (ret_server == NULL)
        return -EINVAL;
    return yd_server_new_on(NULL, given, ret_server);
}

int yd_server_new_on(const struct yd_loop_ops *ops, const yodel_server_options *given,
                     yodel_server **ret_server)
{
    yodel_server_options options;
    yodel_server *server;
    int rc;

    if ((rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = check_options(&options)) < 0)
        return rc;
    fill_in(&options);
    if (ops == NULL &&
        (rc = yd_server_choose_backend(options.backend, options.loops, options.log, &ops)) < 0)
        return rc;
    server =
        yd_zalloc(options.allocator != NULL ? options.allocator : &yd_mem_default, sizeof *server);
    if (server == NULL)
        return -ENOMEM;
    server->mem = options.allocator != NULL ? *options.allocator : yd_mem_default;
    if (options.log != NULL)
        server->log = *options.log;
    server->options = options;
    atomic_init(&server->refs, 1);
    atomic_init(&server->program_refs, 1);
    yd_list_init(&server->hooks);
    yd_list_init(&server->outlets);
    yd_handover_init(&server->handover);
    yd_trimmer_init(&server->trimmer, options.trim_ms);
    if ((rc = init_parts(server, ops)) < 0) {
        free_server(server);
        return rc;
    }
    *ret_server = server;
    return 0;
}

yodel_server *yd_server_hold(yodel_server *server)
{
    atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
    return server;
}

void yd_server_release(void *owned)
{
    yodel_server *server = owned;

    if (atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) == 1)
        free_server(server);
}

yodel_server *yodel_server_ref(yodel_server *server)
{
    if (server == NULL)
        return NULL;
    atomic_fetch_add_explicit(&server->program_refs, 1, memory_order_relaxed);
    return yd_server_hold(server);
}

yodel_server *yodel_server_unref(yodel_server *server)
{
    if (server == NULL || yd_server_is_parents(server))
        return NULL;
    if (atomic_fetch_sub_explicit(&server->program_refs, 1, memory_order_acq_rel) == 1)
        yd_server_give_up(server);
    yd_server_release(server);
    return NULL;
}

struct yd_loop *yd_server_loop(const yodel_server *server, uint64_t id)
{
    return id != 0 && yd_id_loop(id) < server->num_loops ? server->loops[yd_id_loop(id)] : NULL;
}

/* ---- routes ---- */

int yodel_server_route(yodel_server *server, const char *pattern, yodel_http_fn *handler,
                       void *user)
{
    int rc;

    if (server == NULL)
        return -EINVAL;
    rc = yd_server_check_setup(server);
    return rc < 0 ? rc : yd_http_route(&server->http, pattern, handler, user);
}

int yodel_server_route_with(yodel_server *server, const char *pattern,
                            const yodel_route_options *options, void *user)
{
    int rc;

    if (server == NULL)
        return -EINVAL;
    rc = yd_server_check_setup(server);
    return rc < 0 ? rc : yd_http_route_with(&server->http, pattern, options, user);
}

int yodel_server_route_ws(yodel_server *server, const char *pattern,
                          const yodel_ws_handlers *handlers, void *user)
{
    int rc;

    if (server == NULL)
        return -EINVAL;
    rc = yd_server_check_setup(server);
    return rc < 0 ? rc : yd_ws_route(&server->ws, &server->http, pattern, handlers, user);
}

int yodel_server_static(yodel_server *server, const char *prefix, const char *directory,
                        const yodel_static_options *options)
{
    int rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0)
        return rc;
    if ((rc = yd_http_static(&server->http, prefix, directory, options)) < 0)
        yd_log(&server->log, YODEL_LOG_ERROR, "cannot serve files of %s: %s",
               directory != NULL ? directory : "no directory", yodel_strerror(rc));
    return rc;
}

int yodel_server_cors(yodel_server *server, const char *prefix, const yodel_cors_options *options)
{
    int rc;

    if (server == NULL)
        return -EINVAL;
    rc = yd_server_check_setup(server);
    return rc < 0 ? rc : yd_http_cors(&server->http, prefix, options);
}

int yodel_channels_new_memory(yodel_server *server, yodel_channels **ret_channels)
{
    char name[YD_LAYER_NAME_SIZE];
    struct yd_channels_options options = {
        .name = name,
        .make_msg = yd_ws_make_msg,
        .list_member = yd_ws_list_member,
        .send_direct = yd_ws_send_event,
        .release_owner = yd_server_release,
    };
    int rc;

    if (server == NULL || ret_channels == NULL)
        return -EINVAL;
    options.bus = &server->bus;
    options.owner = yd_server_hold(server);
    (void)snprintf(name, sizeof name, "groups%u", server->num_layers++);
    if ((rc = yd_channels_new(&options, ret_channels)) < 0)
        yd_server_release(server);
    return rc;
}

/* ---- counters ---- */

static uint64_t read_counter(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_counters(yodel_server_stats *stats, const struct yd_loop *loop)
{
    const struct yd_counters *counters = &loop->counters;

    stats->accepted += read_counter(&counters->accepted);
    stats->refused += read_counter(&counters->refused);
    stats->requests += read_counter(&counters->requests);
    stats->messages_in += read_counter(&counters->messages_in);
    stats->messages_out += read_counter(&counters->messages_out);
    stats->bytes_in += read_counter(&counters->bytes_in);
    stats->bytes_out += read_counter(&counters->bytes_out);
    stats->congested += read_counter(&counters->congested);
    stats->cut_short += read_counter(&counters->cut_short);
    stats->streams += read_counter(&counters->streams);
    stats->event_streams += read_counter(&counters->event_streams);
    stats->events_dropped += read_counter(&counters->events_dropped);
    stats->mail_refused += yd_loop_mail_refused(loop);
    stats->limited_connections += read_counter(&counters->limited_connections);
    stats->limited_handshakes += read_counter(&counters->limited_handshakes);
    stats->limited_connects += read_counter(&counters->limited_connects);
    stats->limited_messages += read_counter(&counters->limited_messages);
    stats->proxy_refused += read_counter(&counters->proxy_refused);
    stats->deflate_limited += read_counter(&counters->deflate_limited);
    stats->deflate_memory += read_counter(&counters->deflate_memory);
    stats->requests_too_big += read_counter(&counters->requests_too_big);
    stats->requests_late += read_counter(&counters->requests_late);
    stats->messages_too_big += read_counter(&counters->messages_too_big);
    stats->pings_unanswered += read_counter(&counters->pings_unanswered);
    stats->sends_stalled += read_counter(&counters->sends_stalled);
    stats->tls_flooded += read_counter(&counters->tls_flooded);
    stats->send_queue += read_counter(&counters->send_queue);
    stats->events_out += read_counter(&counters->events_out);
    stats->slow_closed += read_counter(&counters->slow_closed);
}

int yodel_server_get_stats(yodel_server *server, yodel_server_stats *ret_stats)
{
    yodel_server_stats stats = {0};

    if (server == NULL)
        return -EINVAL;
    stats.connections = atomic_load_explicit(&server->num_connections, memory_order_relaxed);
    stats.websockets = atomic_load_explicit(&server->ws.num_open, memory_order_relaxed);
    stats.work_waiting = yd_work_waiting(server->work);
    stats.work_refused = yd_work_refused(server->work);
    stats.memory_trims = yd_trimmer_num(&server->trimmer);
    for (unsigned i = 0; i < server->num_loops; i++)
        add_counters(&stats, server->loops[i]);
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
