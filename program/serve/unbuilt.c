/* SPDX-License-Identifier: MIT */
/* What the table of options has and this program cannot do yet: it does not start, rather than do
 * something else.  A line goes as what it is about is built. */
#include <stdio.h>
#include <string.h>

#include "command/rights.h"
#include "serve/state.h"

static unsigned refuse(struct yg_state *state, bool wanted, const char *what)
{
    if (wanted && state != NULL)
        yg_log(state, YG_LOG_ERROR, "%s: not built into this version yet", what);
    else if (wanted)
        fprintf(stderr, "%s: error: not built into this version yet\n", what);
    return wanted ? 1 : 0;
}

/* Whether some name may have both patterns, which have a star at their end, or none. */
static bool overlap(const char *a, const char *b)
{
    const size_t a_len = strcspn(a, "*"), b_len = strcspn(b, "*");

    if (a[a_len] == '\0')
        return yg_pattern_fits(b, yodel_str_of(a));
    if (b[b_len] == '\0')
        return yg_pattern_fits(a, yodel_str_of(b));
    return memcmp(a, b, a_len < b_len ? a_len : b_len) == 0;
}

static unsigned check_history(struct yg_state *state, const struct yg_config *config, size_t n)
{
    const char *match = config->rooms.items[n].match, *star = strchr(match, '*');
    unsigned num = refuse(state, star != NULL && star[1] != '\0',
                          "rooms.history of a match with * elsewhere than at its end");

    for (size_t i = 0; i < n; i++)
        num += refuse(state,
                      config->rooms.items[i].history.size == 0 &&
                          overlap(config->rooms.items[i].match, match),
                      "rooms.history behind an entry without it that may match the same");
    return num;
}

static unsigned check_rooms(struct yg_state *state, const struct yg_config *config)
{
    unsigned num = 0;

    for (size_t i = 0; i < config->rooms.num; i++) {
        if (config->rooms.items[i].history.size > 0)
            num += check_history(state, config, i);
    }
    return num;
}

unsigned yg_unbuilt(struct yg_state *state, const struct yg_config *config)
{
    unsigned num = check_rooms(state, config);
    num += refuse(state, config->events.num > 0 && (config->auth.methods & YG_METHOD_JWT) == 0,
                  "events without jwt among auth.methods");

    return num;
}
