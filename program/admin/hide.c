/* SPDX-License-Identifier: MIT */
#include "admin/hide.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

bool yg_is_hidden(const char *name, const struct yg_texts *listed)
{
    static const char *const words[] = {"authorization", "cookie", "token",      "secret",
                                        "password",      "passwd", "credential", "api-key",
                                        "api_key",       "apikey", "signature",  "session"};

    for (size_t i = 0; i < listed->num; i++) {
        if (strcasecmp(name, listed->items[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(name, words[i]) != NULL)
            return true;
    }
    return false;
}

static void hide_members(json_t *object, const struct yg_texts *listed)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, name, value)
    {
        if (yg_is_hidden(name, listed))
            json_object_del(object, name);
    }
}

/* "/path?a=1&b" keeps its names: which of them is a secret cannot be told from an encoded one. */
static int cut_query(json_t *object, const char *member)
{
    const char *url = json_string_value(json_object_get(object, member));
    struct yg_text text = {0};
    bool is_value = false;
    int rc;

    if (url == NULL || strchr(url, '?') == NULL)
        return 0;
    yg_text_add(&text, url, (size_t)(strchr(url, '?') - url));
    for (const char *at = strchr(url, '?'); *at != '\0'; at++) {
        if (*at == '&' || *at == '?')
            is_value = false;
        if (!is_value)
            yg_text_putc(&text, *at);
        if (*at == '=' && !is_value) {
            is_value = true;
            yg_text_puts(&text, "...");
        }
    }
    rc = yg_text_failed(&text) ||
                 json_object_set_new(object, member, json_string(yg_text_string(&text))) != 0
             ? -ENOMEM
             : 0;
    yg_text_done(&text);
    return rc;
}

int yg_hide_handshake(json_t *handshake, const struct yg_texts *listed)
{
    json_t *headers = json_object_get(handshake, "headers");
    int rc;

    if (handshake == NULL)
        return 0;
    json_object_del(handshake, "auth");
    hide_members(headers, listed);
    hide_members(json_object_get(handshake, "query"), listed);
    rc = cut_query(handshake, "url");
    return rc < 0 ? rc : cut_query(headers, "referer");
}
