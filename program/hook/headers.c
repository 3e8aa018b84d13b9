/* SPDX-License-Identifier: MIT */
#include "hook/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/version.h>

#include "hook/answer.h"
#include "hook/signature.h"

#define USUAL_SIZE 511 /* bytes of them all */

/* Each line ends with a NUL. */
static void end_line(struct yg_text *text, size_t *num)
{
    yg_text_add(text, "", 1);
    ++*num;
}

static void put_line(struct yg_text *text, size_t *num, const char *name, const char *value)
{
    yg_text_puts(text, name);
    yg_text_puts(text, ": ");
    yg_text_puts(text, value);
    end_line(text, num);
}

static void put_number(struct yg_text *text, size_t *num, const char *name, int64_t value)
{
    yg_text_puts(text, name);
    yg_text_puts(text, ": ");
    yg_text_put_number(text, value);
    end_line(text, num);
}

static int put_signature(const struct yg_hook_head *head, struct yg_text *text)
{
    const char *const secrets[] = {head->options->secret, head->options->old_secret};

    yg_text_puts(text, "webhook-signature: ");
    return head->signer != NULL
               ? yg_signer_sign(head->signer, head->id, head->time_s, head->body, text)
               : yg_sign(secrets, 2, head->id, head->time_s, head->body, text);
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

    put_line(text, num, "Content-Type", "application/json");
    put_line(text, num, "User-Agent", "yodel/" YODEL_VERSION);
    put_line(text, num, "webhook-id", head->id);
    put_number(text, num, "webhook-timestamp", head->time_s);
    if (*head->options->secret != '\0') {
        rc = put_signature(head, text);
        end_line(text, num);
    }
    put_kinds(head->kinds, text);
    end_line(text, num);
    put_number(text, num, "Yodel-Attempt", head->attempt);
    put_line(text, num, "Yodel-Node", head->node);
    if (*head->trace != '\0')
        put_line(text, num, "traceparent", head->trace);
    for (size_t i = 0; i < configured->num; i++)
        put_line(text, num, configured->items[i].name, configured->items[i].value);
    return rc;
}

int yg_hook_headers_make(const struct yg_hook_head *head, struct yg_hook_headers *ret_headers)
{
    size_t num = 0;
    const char *at;
    int rc;

    *ret_headers = (struct yg_hook_headers){0};
    (void)yg_text_reserve(&ret_headers->text, USUAL_SIZE);
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
