/* SPDX-License-Identifier: MIT */
/* What the table of options has and this program cannot do yet: it does not start, rather than do
 * something else.  A line goes as what it is about is built. */
#include <string.h>

#include "serve/state.h"

static unsigned refuse(struct yg_state *state, bool wanted, const char *what)
{
    if (wanted)
        yg_log(state, YG_LOG_ERROR, "%s: not built into this version yet", what);
    return wanted ? 1 : 0;
}

static unsigned check_namespaces(struct yg_state *state, const struct yg_config *config)
{
    unsigned num = 0;

    for (size_t i = 0; i < config->namespaces.num; i++) {
        const struct yg_namespace *ns = &config->namespaces.items[i];

        num += refuse(state, *ns->webhook != '\0', "namespaces.webhook");
    }
    return num;
}

unsigned yg_unbuilt(struct yg_state *state, const struct yg_config *config)
{
    unsigned num = check_namespaces(state, config);

    num += refuse(state, (config->auth.methods & YG_METHOD_WEBHOOK) != 0, "auth.methods: webhook");
    num += refuse(state, strncmp(config->auth.jwt.jwks_url, "https:", 6) == 0,
                  "auth.jwt.jwks_url other than a file");
    num += refuse(state, config->webhooks.num > 0, "webhooks");
    num += refuse(state, config->websockets.num > 0, "websockets");
    num += refuse(state, config->events.num > 0, "events");
    num += refuse(state, config->rooms.num > 0, "rooms");
    num += refuse(state, config->consumers.num > 0, "consumers");
    num += refuse(state, config->admin.enabled, "admin.enabled");
    num += refuse(state, *config->log.file != '\0', "log.file");
    return num;
}
