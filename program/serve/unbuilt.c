/* SPDX-License-Identifier: MIT */
/* What the table of options has and this program cannot do yet: it does not start, rather than do
 * something else.  A line goes as what it is about is built. */
#include <stdio.h>

#include "serve/state.h"

static unsigned refuse(struct yg_state *state, bool wanted, const char *what)
{
    if (wanted && state != NULL)
        yg_log(state, YG_LOG_ERROR, "%s: not built into this version yet", what);
    else if (wanted)
        fprintf(stderr, "%s: error: not built into this version yet\n", what);
    return wanted ? 1 : 0;
}

unsigned yg_unbuilt(struct yg_state *state, const struct yg_config *config)
{
    return refuse(state, config->events.num > 0 && (config->auth.methods & YG_METHOD_JWT) == 0,
                  "events without jwt among auth.methods");
}
