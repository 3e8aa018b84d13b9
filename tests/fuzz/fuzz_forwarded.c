/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/forwarded.h"

/*
 * Lines of "name value", the name by its first byte.  Whatever a client writes ahead of what a
 * trusted proxy adds, that proxy's word holds.
 */

#define MOST 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
                                    "Forwarded"};

static void require(int holds)
{
    if (!holds)
        abort();
}

static size_t cut_lines(const char *text, size_t len, struct yd_http_field *ret)
{
    size_t num = 0;

    while (len > 0 && num < MOST) {
        const char *end = memchr(text, '\n', len);
        size_t line = end != NULL ? (size_t)(end - text) : len;

        if (line > 0)
            ret[num++] = (struct yd_http_field){yodel_str_of(names[(uint8_t)text[0] % 4]),
                                                {text + 1, line - 1}};
        text += line + (end != NULL);
        len -= line + (end != NULL);
    }
    return num;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_http_field fields[MOST + 2];
    struct yd_http_head head = {.fields = fields};
    struct yd_trust *trust = malloc(sizeof *trust + sizeof trust->ranges[0]);
    struct yd_forwarded got;
    struct yd_ip peer, client;
    char *text = malloc(size > 0 ? size : 1);

    require(trust != NULL && text != NULL);
    trust->num = 1;
    require(yd_ip_range_parse(YODEL_STR("10.0.0.0/8"), &trust->ranges[0]));
    require(yd_ip_parse(YODEL_STR("10.0.0.1"), &peer));
    require(yd_ip_parse(YODEL_STR("192.0.2.1"), &client));
    if (size > 0)
        memcpy(text, data, size);
    head.num_fields = cut_lines(text, size, fields);
    for (unsigned which = 0; which < 16; which++) {
        yd_forwarded_read(&head, which, &peer, trust, &got);
        require(got.client.kind != YD_IP_UNIX && got.is_tls >= -1 && got.is_tls <= 1);
        yd_forwarded_read(&head, which, &client, trust, &got);
        require(memcmp(&got.client, &client, sizeof client) == 0 && got.host.ptr == NULL);
    }
    fields[head.num_fields++] =
        (struct yd_http_field){YODEL_STR("X-Forwarded-For"), YODEL_STR("192.0.2.1")};
    yd_forwarded_read(&head, YD_FORWARDED_FOR, &peer, trust, &got);
    require(memcmp(&got.client, &client, sizeof client) == 0);
    fields[head.num_fields++] =
        (struct yd_http_field){YODEL_STR("Forwarded"), YODEL_STR("for=192.0.2.1")};
    yd_forwarded_read(&head, YD_FORWARDED_RFC, &peer, trust, &got);
    require(memcmp(&got.client, &client, sizeof client) == 0 || got.client.kind == YD_IP_UNKNOWN);
    free(text);
    free(trust);
    return 0;
}
