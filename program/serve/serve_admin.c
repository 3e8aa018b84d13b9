/* SPDX-License-Identifier: MIT */
#include "admin/admin.h"

#include "serve/state.h"

/* The admin page: where it is served, what the log says of it, metrics. */

static bool serves(const yodel_sio_socket *socket, void *user)
{
    struct yg_state *state = user;

    return yg_state_tag_serves(state, yodel_sio_socket_listener_tag(socket), YG_SERVE_ADMIN) &&
           yg_origin_allows_socket(&state->first->admin.origins, socket);
}

static const struct yg_admin_config *present(yodel_loop *loop, void *user)
{
    return &yg_state_loop_config(user, loop)->admin;
}

static void write_log(enum yg_admin_event event, yodel_str address, const char *text, void *user)
{
    static const struct {
        const char *name;
        enum yg_log_level level;
        const char *words;
    } kinds[] = {[YG_ADMIN_LOGIN] = {"admin.login", YG_LOG_INFO, "logged in"},
                 [YG_ADMIN_REFUSED] = {"admin.refused", YG_LOG_WARN, "refused"},
                 [YG_ADMIN_COMMAND] = {"admin.command", YG_LOG_INFO, "command"},
                 [YG_ADMIN_DENIED] = {"admin.denied", YG_LOG_WARN, "command denied"}};
    const struct yg_log_about about = {.event = kinds[event].name, .address = address};

    yg_log_about(user, kinds[event].level, &about, "admin: %s: %s", kinds[event].words, text);
}

bool yg_serve_admin_to_socket(struct yg_state *state, const yodel_sio_socket *socket)
{
    const yodel_str tag = yodel_sio_socket_listener_tag(socket);

    if (state->admin == NULL)
        return true;
    if (!yg_state_tag_serves(state, tag, YG_SERVE_CLIENTS))
        return false;
    /* Where both are served the session may have been allowed for the page alone. */
    return !yg_state_tag_serves(state, tag, YG_SERVE_ADMIN) ||
           yg_origin_allows_socket(&state->first->clients.origins, socket);
}

int yg_serve_admin_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    int rc;

    if (!config->admin.enabled)
        return 0;
    rc = yg_admin_new(&(const struct yg_admin_options){.server = state->server,
                                                       .sio = state->sio,
                                                       .redis = state->redis,
                                                       .cluster = state->cluster,
                                                       .config = &config->admin,
                                                       .redact = &config->log.redact,
                                                       .node = state->node,
                                                       .prefix = config->redis.prefix,
                                                       .queue_bytes = config->limits.queue_bytes,
                                                       .serves = serves,
                                                       .present = present,
                                                       .log = write_log,
                                                       .user = state},
                      &state->admin);
    if (rc < 0)
        yg_log_option(state, config, "admin: %s", yodel_strerror(rc));
    return rc;
}

void yg_serve_admin_put(struct yg_state *state, struct yg_text *text)
{
    static const char logins[] = "yodel_admin_logins_total";
    static const char commands[] = "yodel_admin_commands_total";
    const struct yg_admin_counts counts = yg_admin_count(state->admin);

    yg_metric(text, "yodel_admin_pages", "gauge", "Admin pages that are open.", counts.pages);
    yg_metric_head(text, logins, "counter", "Logins of admin pages, by what became of them.");
    yg_metric_sample(text, logins, "outcome=\"accepted\"", counts.logins);
    yg_metric_sample(text, logins, "outcome=\"refused\"", counts.refused);
    yg_metric_head(text, commands, "counter", "Commands of admin pages.");
    yg_metric_sample(text, commands, "outcome=\"done\"", counts.commands);
    yg_metric_sample(text, commands, "outcome=\"denied\"", counts.denied);
    yg_metric(text, "yodel_admin_events_left_out_total", "counter",
              "Events of clients that were too many for admin pages.", counts.left_out);
    yg_metric(text, "yodel_admin_begun_anew_total", "counter",
              "Admin pages that were told everything anew, as something was lost.",
              counts.begun_anew);
}
