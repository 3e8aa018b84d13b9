/* SPDX-License-Identifier: MIT */
#include "client/poll_payload.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"

#define PIECE 3072 /* bytes that are encoded at a time; a multiple of 3 */

bool yg_payload_next(yodel_str *rest, yodel_str *ret_packet)
{
    const char *end;

    if (rest->ptr == NULL)
        return false;
    end = rest->len > 0 ? memchr(rest->ptr, YG_PAYLOAD_SEPARATOR, rest->len) : NULL;
    *ret_packet = (yodel_str){rest->ptr, end != NULL ? (size_t)(end - rest->ptr) : rest->len};
    if (end != NULL)
        *rest = (yodel_str){end + 1, rest->len - ret_packet->len - 1};
    else
        *rest = (yodel_str){NULL, 0};
    return true;
}

static void separate(struct yg_text *payload)
{
    if (payload->len > 0)
        yg_text_putc(payload, YG_PAYLOAD_SEPARATOR);
}

void yg_payload_put(struct yg_text *payload, yodel_str packet)
{
    separate(payload);
    yg_text_add(payload, packet.ptr, packet.len);
}

void yg_payload_put_binary(struct yg_text *payload, yodel_bytes bytes)
{
    char chars[YG_BASE64_CHARS(PIECE)];

    separate(payload);
    yg_text_putc(payload, 'b');
    while (bytes.len > 0 && !yg_text_failed(payload)) {
        const size_t num = bytes.len < PIECE ? bytes.len : PIECE;

        yg_base64_encode(bytes.ptr, num, chars);
        yg_text_add(payload, chars, YG_BASE64_CHARS(num));
        bytes.ptr += num;
        bytes.len -= num;
    }
}

size_t yg_payload_fit(yodel_str payload, size_t max)
{
    const char *end;

    if (payload.len <= max)
        return payload.len;
    end = memrchr(payload.ptr, YG_PAYLOAD_SEPARATOR, max + 1);
    if (end == NULL)
        end = memchr(payload.ptr, YG_PAYLOAD_SEPARATOR, payload.len);
    return end != NULL ? (size_t)(end - payload.ptr) : payload.len;
}

/* ---- cookies ---- */

/* Where the cookie of a name is, with how long it is up to the next; NULL: there is none. */
static char *find(const struct yg_text *cookies, const char *name, size_t len, size_t *ret_len)
{
    char *at = cookies->len > 0 ? cookies->ptr : NULL;

    while (at != NULL) {
        char *next = strstr(at, "; ");

        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            *ret_len = next != NULL ? (size_t)(next - at) + 2 : strlen(at);
            return at;
        }
        at = next != NULL ? next + 2 : NULL;
    }
    return NULL;
}

static void take_out(struct yg_text *cookies, const char *name, size_t name_len)
{
    size_t len, rest;
    char *at = find(cookies, name, name_len, &len);

    if (at == NULL)
        return;
    rest = cookies->len - (size_t)(at - cookies->ptr) - len;
    memmove(at, at + len, rest + 1);
    cookies->len -= len;
    if (rest == 0 && cookies->len >= 2) /* it was the last */
        yg_text_cut(cookies, cookies->len - 2);
}

static bool has_controls(const char *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)ptr[i] < ' ' || ptr[i] == 127)
            return true;
    return false;
}

void yg_cookies_take(struct yg_text *cookies, const char *set_cookie)
{
    const size_t name = strcspn(set_cookie, "=;");
    size_t len = strcspn(set_cookie, ";");

    while (len > 0 && (set_cookie[len - 1] == ' ' || set_cookie[len - 1] == '\t'))
        len--;
    if (name == 0 || set_cookie[name] != '=' || has_controls(set_cookie, len))
        return;
    take_out(cookies, set_cookie, name);
    if (cookies->len + 2 + len > YG_COOKIES_MAX)
        return;
    if (cookies->len > 0)
        yg_text_puts(cookies, "; ");
    yg_text_add(cookies, set_cookie, len);
}

bool yg_cookies_take_line(struct yg_text *cookies, const char *line)
{
    if (strncasecmp(line, "Cookie:", 7) != 0)
        return false;
    for (line += 7; *line != '\0'; line += strcspn(line, ";")) {
        line += strspn(line, "; \t");
        yg_cookies_take(cookies, line);
    }
    return true;
}

int yg_cookies_put(struct yg_text *line, const struct yg_text *cookies)
{
    yg_text_reset(line);
    if (cookies->len > 0)
        yg_text_printf(line, "Cookie: %s", cookies->ptr);
    return yg_text_failed(cookies) || yg_text_failed(line) ? -ENOMEM : 0;
}
