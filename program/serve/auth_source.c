/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "serve/auth.h"

static const yodel_str none = {NULL, 0};

static yodel_str trim(yodel_str text)
{
    while (text.len > 0 && strchr(" \t", *text.ptr) != NULL) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t", text.ptr[text.len - 1]) != NULL)
        text.len--;
    return text;
}

/* What stands behind "Bearer"; another scheme is not for us. */
static yodel_str of_authorization(yodel_str header)
{
    if (header.ptr == NULL || header.len <= 7 || strncasecmp(header.ptr, "Bearer ", 7) != 0)
        return none;
    return trim((yodel_str){header.ptr + 7, header.len - 7});
}

/* The value of the first cookie of that name, without the quotes that it may have. */
static yodel_str of_cookie(yodel_str header, const char *name)
{
    const size_t len = strlen(name);

    while (header.ptr != NULL && header.len > 0) {
        const char *end = memchr(header.ptr, ';', header.len);
        yodel_str one = {header.ptr, end != NULL ? (size_t)(end - header.ptr) : header.len};

        header.ptr += one.len + (end != NULL);
        header.len -= one.len + (end != NULL);
        one = trim(one);
        if (one.len <= len || memcmp(one.ptr, name, len) != 0 || one.ptr[len] != '=')
            continue;
        one = (yodel_str){one.ptr + len + 1, one.len - len - 1};
        if (one.len >= 2 && one.ptr[0] == '"' && one.ptr[one.len - 1] == '"')
            one = (yodel_str){one.ptr + 1, one.len - 2};
        return one;
    }
    return none;
}

static yodel_str text_of(const json_t *value)
{
    return json_is_string(value) ? (yodel_str){json_string_value(value), json_string_length(value)}
                                 : none;
}

/* ---- of a socket ---- */

/* Something that is no text is shown, too: as a token that cannot be one. */
static yodel_str of_auth(yodel_sio_socket *socket)
{
    const json_t *token = json_object_get(yodel_sio_socket_auth(socket), "token");

    if (token == NULL || json_is_null(token))
        return none;
    return json_is_string(token) ? text_of(token) : YODEL_STR("");
}

/* A header and a field of the query are told apart here, which yodel_sio_socket_header() does not.
 */
static yodel_str of_handshake(const json_t *handshake, const char *source)
{
    const json_t *headers = json_object_get(handshake, "headers");

    if (strcmp(source, "authorization") == 0)
        return of_authorization(text_of(json_object_get(headers, "authorization")));
    if (strncmp(source, "cookie:", 7) == 0)
        return of_cookie(text_of(json_object_get(headers, "cookie")), source + 7);
    return text_of(json_object_get(json_object_get(handshake, "query"), source + 6));
}

int yg_auth_of_socket(const struct yg_config *config, yodel_sio_socket *socket,
                      struct yg_shown *ret_shown)
{
    const struct yg_texts *sources = &config->auth.jwt.sources;

    *ret_shown = (struct yg_shown){{NULL, 0}, NULL};
    for (size_t i = 0; i < sources->num && ret_shown->text.ptr == NULL; i++) {
        if (strcmp(sources->items[i], "auth.token") == 0) {
            ret_shown->text = of_auth(socket);
            continue;
        }
        if (ret_shown->holder == NULL)
            ret_shown->holder = yodel_sio_socket_handshake(socket);
        if (ret_shown->holder == NULL)
            return -ENOMEM;
        ret_shown->text = of_handshake(ret_shown->holder, sources->items[i]);
    }
    return 0;
}

/* ---- of a request ---- */

yodel_str yg_auth_of_request(const struct yg_config *config, yodel_request *req)
{
    const struct yg_texts *sources = &config->auth.jwt.sources;
    yodel_str found = none;

    for (size_t i = 0; i < sources->num && found.ptr == NULL; i++) {
        const char *source = sources->items[i];

        if (strcmp(source, "authorization") == 0)
            found = of_authorization(yodel_request_header(req, "authorization"));
        else if (strncmp(source, "cookie:", 7) == 0)
            found = of_cookie(yodel_request_header(req, "cookie"), source + 7);
        else if (strncmp(source, "query:", 6) == 0)
            found = yodel_request_query_param(req, source + 6);
    }
    return found;
}
