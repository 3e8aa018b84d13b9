/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/crowd.h"
#include "cli/emit_line.h"
#include "cli/output.h"
#include "cli/token_io.h"

int yg_crowd_template(const struct yg_crowd *crowd, const char *name, const char *text,
                      struct yg_text *ret_text)
{
    struct yg_emit_line line;
    char problem[200] = "out of memory";
    int rc = 0;

    if (!crowd->is_sio) {
        yg_text_puts(ret_text, text);
    } else if ((rc = yg_emit_line_read(text, strlen(text), problem, &line)) == 0) {
        yg_text_add(ret_text, line.command->args.ptr, line.command->args.len);
        yg_command_free(line.command);
    }
    if (rc < 0 || yg_text_failed(ret_text))
        return yg_token_say(YG_EXIT_USAGE, YG_CROWD_COMMAND, "%s: %s", name, problem);
    return 0;
}

/* "yl12345678:CLIENT:DUE:xxxx" */
static void put_mark(struct yg_text *out, const struct yg_crowd *crowd,
                     const struct yg_crowd_client *client, uint64_t due_us)
{
    const size_t begin = out->len;
    char padding[256];

    memset(padding, 'x', sizeof(padding));
    yg_text_printf(out, "%s%u:%" PRIu64 ":", crowd->mark, client->index, due_us);
    while (out->len - begin < crowd->options->size && !yg_text_failed(out)) {
        const size_t left = crowd->options->size - (out->len - begin);

        yg_text_add(out, padding, left < sizeof(padding) ? left : sizeof(padding));
    }
}

void yg_crowd_expand(struct yg_text *out, const struct yg_crowd *crowd, const struct yg_text *from,
                     const struct yg_crowd_client *client, uint64_t due_us)
{
    const char *at = from->ptr, *end = from->ptr + from->len, *percent;

    while ((percent = memchr(at, '%', (size_t)(end - at))) != NULL) {
        const char what = percent + 1 < end ? percent[1] : '\0';

        yg_text_add(out, at, (size_t)(percent - at));
        at = percent + 2;
        if (what == 'm') {
            put_mark(out, crowd, client, due_us);
        } else if (what == 'r') {
            yg_text_printf(out, "load-%u", client->room);
        } else if (what == 'c') {
            yg_text_printf(out, "%u", client->index);
        } else {
            yg_text_putc(out, '%');
            at = what == '%' ? at : percent + 1;
        }
    }
    yg_text_add(out, at, (size_t)(end - at));
}

/* A number and the colon behind it. */
static bool take_number(const char **at, const char *end, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *begin = *at;

    while (*at < end && **at >= '0' && **at <= '9' && *at - begin < 19)
        number = number * 10 + (uint64_t)(*(*at)++ - '0');
    if (*at == begin || *at == end || **at != ':')
        return false;
    ++*at;
    *ret_number = number;
    return true;
}

bool yg_crowd_find(const struct yg_crowd *crowd, const char *ptr, size_t len, unsigned *ret_client,
                   uint64_t *ret_due_us)
{
    const size_t mark = strlen(crowd->mark);
    const char *at = len > 0 ? memmem(ptr, len, crowd->mark, mark) : NULL;
    uint64_t client;

    if (at == NULL)
        return false;
    at += mark;
    if (!take_number(&at, ptr + len, &client) || !take_number(&at, ptr + len, ret_due_us) ||
        client >= crowd->options->clients)
        return false;
    *ret_client = (unsigned)client;
    return true;
}
