/* SPDX-License-Identifier: MIT */
#include "hook/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/version.h>

#include "hook/answer.h"
#include "hook/signature.h"

/* Each line ends with a NUL. */
static void end_line(struct yg_text *text, size_t *num)
{
    yg_text_add(text, "", 1);
    ++*num;
}

static int put_signature(const struct yg_hook_head *head, struct yg_text *text)
{
    const char *const secrets[] = {head->options->secret, head->options->old_secret};
    struct yg_text value = {0};
    const int rc = yg_sign(secrets, 2, head->id, head->time_s, head->body, &value);

    yg_text_printf(text, "webhook-signature: %s", yg_text_string(&value));
    yg_text_done(&value);
    return rc;
}

static void put_kinds(uint32_t kinds, struct yg_text *text)
{
    const char *between = "";

    yg_text_puts(text, "Yodel-Kind: ");
    for (unsigned i = 0; i < YG_NUM_HOOK_KINDS; i++) {
        if ((kinds & 1u << i) == 0)
            continue;
        yg_text_puts(text, between);
        yg_text_puts(text, yg_hook_word(i));
        between = ", ";
    }
}

static int put_all(const struct yg_hook_head *head, struct yg_text *text, size_t *num)
{
    const struct yg_pairs *configured = &head->options->headers;
    int rc = 0;

    yg_text_puts(text, "Content-Type: application/json");
    end_line(text, num);
    yg_text_puts(text, "User-Agent: yodel/" YODEL_VERSION);
    end_line(text, num);
    yg_text_printf(text, "webhook-id: %s", head->id);
    end_line(text, num);
    yg_text_printf(text, "webhook-timestamp: %" PRId64, head->time_s);
    end_line(text, num);
    if (*head->options->secret != '\0') {
        rc = put_signature(head, text);
        end_line(text, num);
    }
    put_kinds(head->kinds, text);
    end_line(text, num);
    yg_text_printf(text, "Yodel-Attempt: %u", head->attempt);
    end_line(text, num);
    yg_text_printf(text, "Yodel-Node: %s", head->node);
    end_line(text, num);
    if (*head->trace != '\0') {
        yg_text_printf(text, "traceparent: %s", head->trace);
        end_line(text, num);
    }
    for (size_t i = 0; i < configured->num; i++) {
        yg_text_printf(text, "%s: %s", configured->items[i].name, configured->items[i].value);
        end_line(text, num);
    }
    return rc;
}

int yg_hook_headers_make(const struct yg_hook_head *head, struct yg_hook_headers *ret_headers)
{
    size_t num = 0;
    const char *at;
    int rc;

    *ret_headers = (struct yg_hook_headers){0};
    rc = put_all(head, &ret_headers->text, &num);
    if (rc == 0 && yg_text_failed(&ret_headers->text))
        rc = -ENOMEM;
    if (rc == 0)
        ret_headers->items = calloc(num + 1, sizeof(*ret_headers->items));
    if (ret_headers->items == NULL) {
        yg_hook_headers_done(ret_headers);
        return rc < 0 ? rc : -ENOMEM;
    }
    at = ret_headers->text.ptr;
    for (size_t i = 0; i < num; i++, at += strlen(at) + 1)
        ret_headers->items[i] = at;
    return 0;
}

void yg_hook_headers_done(struct yg_hook_headers *headers)
{
    free(headers->items);
    yg_text_done(&headers->text);
    headers->items = NULL;
}
