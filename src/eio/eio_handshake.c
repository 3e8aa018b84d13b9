/* SPDX-License-Identifier: MIT */
#include "eio/eio_handshake.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"

static uint64_t unix_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static size_t text_size(const struct yd_http_head *head, yodel_str address)
{
    size_t size = head->target.len + address.len;

    for (size_t i = 0; i < head->num_fields; i++)
        size += head->fields[i].name.len + head->fields[i].value.len;
    return size;
}

static yodel_str put(char **at, yodel_str text)
{
    yodel_str copy = {*at, text.len};

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

static void fill(struct yd_eio_handshake *handshake, struct yd_http_field *fields,
                 const struct yd_http_head *head, yodel_str address)
{
    char *at = (char *)(fields + head->num_fields);
    const char *mark;

    handshake->url = put(&at, head->target);
    mark = memchr(handshake->url.ptr, '?', handshake->url.len);
    if (mark != NULL)
        handshake->query =
            (yodel_str){mark + 1, (size_t)(handshake->url.ptr + handshake->url.len - mark - 1)};
    handshake->address = put(&at, address);
    for (size_t i = 0; i < head->num_fields; i++) {
        fields[i].name = put(&at, head->fields[i].name);
        fields[i].value = put(&at, head->fields[i].value);
    }
    handshake->fields = fields;
    handshake->num_fields = head->num_fields;
}

struct yd_eio_handshake *yd_eio_handshake_new(const struct yodel_allocator *mem, yodel_request *req)
{
    const struct yd_http_head *head = yd_request_head(req);
    yodel_str address = yodel_request_peer(req);
    struct yd_eio_handshake *handshake;
    size_t fields = head->num_fields * sizeof(struct yd_http_field);

    handshake = yd_alloc(mem, sizeof *handshake + fields + text_size(head, address));
    if (handshake == NULL)
        return NULL;
    memset(handshake, 0, sizeof *handshake);
    fill(handshake, (struct yd_http_field *)(handshake + 1), head, address);
    handshake->issued_ms = unix_ms();
    handshake->secure = yodel_request_is_tls(req) != 0;
    handshake->xdomain = yd_http_field(head, YODEL_STR("Origin")).ptr != NULL;
    return handshake;
}
