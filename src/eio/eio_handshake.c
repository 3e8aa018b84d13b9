/* SPDX-License-Identifier: MIT */
#include "eio/eio_handshake.h"

#include <string.h>
#include <time.h>

#include "base/container.h"
#include "base/mem.h"

static uint64_t unix_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Names in the spelling of browsers and proxies, which stand in the block as the byte NAMED and
 * their number: no name of a field begins with such a byte, and no text has a NUL (RFC 9110 5.5,
 * 5.6.2).
 */
#define NAMED 0x80

static const yodel_str names[] = {
    {"Host", 4},
    {"Connection", 10},
    {"Upgrade", 7},
    {"User-Agent", 10},
    {"Accept", 6},
    {"Accept-Encoding", 15},
    {"Accept-Language", 15},
    {"Origin", 6},
    {"Referer", 7},
    {"Cookie", 6},
    {"Authorization", 13},
    {"Cache-Control", 13},
    {"Pragma", 6},
    {"Content-Length", 14},
    {"Content-Type", 12},
    {"Sec-WebSocket-Version", 21},
    {"Sec-WebSocket-Key", 17},
    {"Sec-WebSocket-Extensions", 24},
    {"Sec-Fetch-Dest", 14},
    {"Sec-Fetch-Mode", 14},
    {"Sec-Fetch-Site", 14},
    {"sec-ch-ua", 9},
    {"sec-ch-ua-mobile", 16},
    {"sec-ch-ua-platform", 18},
    {"X-Forwarded-For", 15},
    {"X-Forwarded-Proto", 17},
    {"X-Forwarded-Host", 16},
    {"X-Real-IP", 9},
};

/* YD_LEN(names): none. */
static size_t number_of(yodel_str name)
{
    size_t i = 0;

    while (i < YD_LEN(names) && !yodel_str_eq(names[i], name))
        i++;
    return i;
}

static size_t text_size(const struct yd_http_head *head, yodel_str address, yodel_str tag)
{
    size_t size = head->target.len + 1 + address.len + 1 + tag.len + 1;

    for (size_t i = 0; i < head->num_fields; i++) {
        yodel_str name = head->fields[i].name;

        size += number_of(name) < YD_LEN(names) ? 1 : name.len + 1;
        size += head->fields[i].value.len + 1;
    }
    return size;
}

static void put(char **at, yodel_str text)
{
    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    *(*at)++ = '\0';
}

static void put_name(char **at, yodel_str name)
{
    size_t number = number_of(name);

    if (number < YD_LEN(names))
        *(*at)++ = (char)(NAMED + number);
    else
        put(at, name);
}

struct yd_eio_handshake *yd_eio_handshake_new(const struct yodel_allocator *mem, yodel_request *req)
{
    const struct yd_http_head *head = yd_request_head(req);
    yodel_str address = yodel_request_peer(req), tag = yodel_request_listener_tag(req);
    size_t size = text_size(head, address, tag);
    struct yd_eio_handshake *handshake =
        yd_alloc(mem, offsetof(struct yd_eio_handshake, text) + size);
    char *at;

    if (handshake == NULL)
        return NULL;
    handshake->issued_ms = unix_ms();
    handshake->len = (uint32_t)size;
    handshake->secure = yodel_request_is_tls(req) != 0;
    handshake->xdomain = yd_http_field(head, YODEL_STR("Origin")).ptr != NULL;
    at = handshake->text;
    put(&at, head->target);
    put(&at, address);
    put(&at, tag);
    for (size_t i = 0; i < head->num_fields; i++) {
        put_name(&at, head->fields[i].name);
        put(&at, head->fields[i].value);
    }
    return handshake;
}

/* ---- reading it ---- */

/* Takes one text, which is "" at the end. */
static yodel_str take(const struct yd_eio_handshake *handshake, const char **at)
{
    yodel_str text = {*at, 0};

    if (*at == handshake->text + handshake->len)
        return text;
    text.len = strlen(text.ptr);
    *at += text.len + 1;
    return text;
}

yodel_str yd_eio_handshake_url(const struct yd_eio_handshake *handshake)
{
    const char *at = handshake->text;

    return take(handshake, &at);
}

yodel_str yd_eio_handshake_query(const struct yd_eio_handshake *handshake)
{
    yodel_str url = yd_eio_handshake_url(handshake);
    const char *mark = url.len > 0 ? memchr(url.ptr, '?', url.len) : NULL;

    if (mark == NULL)
        return (yodel_str){NULL, 0};
    return (yodel_str){mark + 1, (size_t)(url.ptr + url.len - mark - 1)};
}

yodel_str yd_eio_handshake_address(const struct yd_eio_handshake *handshake)
{
    const char *at = handshake->text;

    (void)take(handshake, &at);
    return take(handshake, &at);
}

yodel_str yd_eio_handshake_tag(const struct yd_eio_handshake *handshake)
{
    const char *at = handshake->text;

    (void)take(handshake, &at);
    (void)take(handshake, &at);
    return take(handshake, &at);
}

bool yd_eio_handshake_next(const struct yd_eio_handshake *handshake, const char **at,
                           struct yd_http_field *ret_field)
{
    uint8_t first;

    if (*at == NULL) {
        *at = handshake->text;
        (void)take(handshake, at); /* the target */
        (void)take(handshake, at); /* the address */
        (void)take(handshake, at); /* the tag */
    }
    if (*at == handshake->text + handshake->len)
        return false;
    first = (uint8_t) * *at;
    if (first >= NAMED) {
        ret_field->name = names[first - NAMED];
        ++*at;
    } else {
        ret_field->name = take(handshake, at);
    }
    ret_field->value = take(handshake, at);
    return true;
}
