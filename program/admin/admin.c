/* SPDX-License-Identifier: MIT */
#include "admin/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_state.h"
#include "admin/far.h"
#include "admin/hub.h"
#include "admin/login.h"
#include "admin/page_commands.h"

#define GUESSES 5 /* of an address */
#define GUESSES_MS 60000

struct yg_viewer *yg_viewer_ref(struct yg_viewer *viewer)
{
    atomic_fetch_add_explicit(&viewer->refs, 1, memory_order_relaxed);
    return viewer;
}

void yg_viewer_unref(struct yg_viewer *viewer)
{
    if (viewer != NULL && atomic_fetch_sub_explicit(&viewer->refs, 1, memory_order_acq_rel) == 1)
        free(viewer);
}

/* ---- clients ---- */

const char *const yg_admin_reasons[YG_ADMIN_REASONS] = {
    "transport close",     "transport error",      "ping timeout", "parse error", "forced close",
    "forced server close", "server shutting down", "too slow",     "no namespace"};

void yg_admin_client_opened(struct yg_admin *admin)
{
    if (admin != NULL)
        yg_admin_count_one(&admin->counts.opened);
}

void yg_admin_client_closed(struct yg_admin *admin, const char *reason)
{
    size_t i = 0;

    if (admin == NULL)
        return;
    while (i + 1 < YG_ADMIN_REASONS && strcmp(yg_admin_reasons[i], reason) != 0)
        i++;
    yg_admin_count_one(&admin->counts.closed[i]);
}

/* ---- pages ---- */

/* What a page can do, by the words that it knows. */
static int emit_config(const struct yg_admin *admin, yodel_sio_socket *socket)
{
    struct yg_text text = {0};
    yodel_sio_args args = {.size = sizeof(args)};
    int rc = -ENOMEM;

    yg_text_puts(&text, "[{\"supportedFeatures\":[");
    if (!admin->options.config->readonly)
        yg_text_puts(&text, "\"EMIT\",\"JOIN\",\"LEAVE\",\"DISCONNECT\",\"MJOIN\",\"MLEAVE\","
                            "\"MDISCONNECT\",");
    yg_text_puts(&text, "\"AGGREGATED_EVENTS\"");
    if (yg_admin_shows_all(admin))
        yg_text_puts(&text, ",\"ALL_EVENTS\"");
    yg_text_puts(&text, "]}]");
    args.json = (yodel_str){text.ptr, text.len};
    if (!yg_text_failed(&text))
        rc = yodel_sio_emit_args(yodel_sio_to(socket), "config", &args);
    yg_text_done(&text);
    return rc;
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct yg_admin *admin = user;
    struct yg_viewer *viewer = yodel_sio_socket_data(socket);
    int rc = 0;

    yg_admin_count_one(&admin->counts.pages);
    if (viewer->session[0] != '\0')
        rc = yodel_sio_emit_text(yodel_sio_to(socket), "session", yodel_str_of(viewer->session));
    if (rc == 0)
        rc = emit_config(admin, socket);
    if (rc == 0)
        rc = yg_hub_add(viewer);
    if (rc < 0)
        yodel_sio_socket_disconnect(socket, YODEL_SIO_COME_BACK);
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct yg_admin *admin = user;
    struct yg_viewer *viewer = yodel_sio_socket_data(socket);

    (void)reason;
    atomic_fetch_sub_explicit(&admin->counts.pages, 1, memory_order_relaxed);
    atomic_store(&viewer->is_gone, true);
}

static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    struct yg_admin *admin = user;

    (void)ns;
    yg_far_receive(admin->far, event);
}

static int set_up_namespace(struct yg_admin *admin)
{
    const yodel_sio_handlers handlers = {.size = sizeof(handlers),
                                         .on_connection = on_connection,
                                         .on_disconnect = on_disconnect,
                                         .on_server_event = on_server_event};
    int rc = yodel_sio_of(admin->options.sio, admin->options.config->namespace, &admin->ns);

    if (rc == 0)
        rc = yodel_sio_namespace_handle(admin->ns, &handlers, admin);
    if (rc == 0)
        rc = yodel_sio_namespace_use(admin->ns, yg_login, admin);
    if (rc == 0 && !admin->options.config->readonly)
        rc = yg_page_commands_set_up(admin);
    return rc;
}

/* ---- its life ---- */

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_admin *admin = user;

    return yodel_loop_index(loop) == 0 ? yg_hub_start(admin->hub) : 0;
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_admin *admin = user;

    if (yodel_loop_index(loop) == 0)
        yg_hub_stop(admin->hub);
}

static int make_loops(struct yg_admin *admin)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    const unsigned num = yodel_server_num_loops(admin->options.server);

    admin->loops = calloc(num, sizeof(*admin->loops));
    if (admin->loops == NULL)
        return -ENOMEM;
    admin->num_loops = num;
    for (unsigned i = 0; i < num; i++) {
        struct yg_admin_loop *at = &admin->loops[i];

        at->admin = admin;
        at->loop = yodel_server_loop(admin->options.server, i);
        at->index = i;
        yg_admin_queue_init(&at->queue);
    }
    return yodel_server_add_loop_handlers(admin->options.server, &handlers, admin);
}

int yg_admin_new(const struct yg_admin_options *options, struct yg_admin **ret_admin)
{
    struct yg_admin *admin = calloc(1, sizeof(*admin));
    int rc;

    if (admin == NULL)
        return -ENOMEM;
    admin->options = *options;
    yg_guesses_init(&admin->guesses, GUESSES, GUESSES_MS);
    yg_sessions_init(&admin->sessions);
    admin->hub = yg_hub_new(admin);
    admin->far = yg_far_new(admin);
    rc = admin->hub != NULL && admin->far != NULL ? yg_session_make(admin->process) : -ENOMEM;
    if (rc == 0)
        rc = make_loops(admin);
    if (rc == 0)
        rc = set_up_namespace(admin);
    /* Handlers of the server may have it by now: it goes after the server. */
    *ret_admin = admin;
    return rc;
}

void yg_admin_free(struct yg_admin *admin)
{
    if (admin == NULL)
        return;
    yg_hub_free(admin->hub);
    yg_far_free(admin->far);
    for (unsigned i = 0; i < admin->num_loops; i++)
        yg_admin_queue_done(&admin->loops[i].queue);
    free(admin->loops);
    yg_sessions_done(&admin->sessions);
    yg_guesses_done(&admin->guesses);
    free(admin);
}

void yg_admin_node_left(struct yg_admin *admin)
{
    if (admin != NULL)
        yg_hub_begin_all_anew(admin->hub);
}

/* ---- metrics ---- */

static uint64_t value_of(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct yg_admin_counts yg_admin_count(struct yg_admin *admin)
{
    struct yg_admin_counts counts = {0};

    if (admin == NULL)
        return counts;
    counts = (struct yg_admin_counts){.pages = value_of(&admin->counts.pages),
                                      .logins = value_of(&admin->counts.logins),
                                      .refused = value_of(&admin->counts.refused),
                                      .commands = value_of(&admin->counts.commands),
                                      .denied = value_of(&admin->counts.denied),
                                      .begun_anew = value_of(&admin->counts.begun_anew)};
    for (unsigned i = 0; i < admin->num_loops; i++)
        counts.left_out += yg_admin_queue_left_out(&admin->loops[i].queue);
    return counts;
}
