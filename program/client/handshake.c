/* SPDX-License-Identifier: MIT */
#include "client/handshake.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

void yg_handshake_put(struct yg_text *out, const char *authority, const char *target,
                      const char *key, const char *extensions, const char *const *headers,
                      size_t num_headers)
{
    yg_text_printf(out,
                   "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
                   target, authority, key);
    if (extensions != NULL)
        yg_text_printf(out, "Sec-WebSocket-Extensions: %s\r\n", extensions);
    for (size_t i = 0; i < num_headers; i++)
        yg_text_printf(out, "%s\r\n", headers[i]);
    yg_text_puts(out, "\r\n");
}

static bool make_accept(const char *key, char ret_accept[32])
{
    unsigned char digest[20];
    char text[64];

    snprintf(text, sizeof(text), "%s" GUID, key);
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL) != 1)
        return false;
    EVP_EncodeBlock((unsigned char *)ret_accept, digest, sizeof(digest));
    return true;
}

/* The value of a header in a head, {NULL, 0} without it. */
static yodel_str find_header(yodel_str head, const char *name)
{
    const size_t len = strlen(name);

    for (size_t at = 0; at < head.len;) {
        const char *line = head.ptr + at;
        const char *end = memchr(line, '\n', head.len - at);
        const char *begin = line + len + 1;

        if (end == NULL)
            break;
        at = (size_t)(end - head.ptr) + 1;
        if ((size_t)(end - line) <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
            continue;
        while (begin < end && (*begin == ' ' || *begin == '\t'))
            begin++;
        while (end > begin && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
            end--;
        return (yodel_str){begin, (size_t)(end - begin)};
    }
    return (yodel_str){NULL, 0};
}

static int read_status(yodel_str head)
{
    int status = 0;

    if (head.len < 12 || strncmp(head.ptr, "HTTP/1.", 7) != 0 || head.ptr[8] != ' ')
        return -1;
    for (int i = 9; i < 12; i++) {
        if (head.ptr[i] < '0' || head.ptr[i] > '9')
            return -1;
        status = status * 10 + (head.ptr[i] - '0');
    }
    return status;
}

int yg_handshake_check(yodel_str answer, const char *key, int *ret_status)
{
    const char *end = answer.len > 0 ? memmem(answer.ptr, answer.len, "\r\n\r\n", 4) : NULL;
    yodel_str head, accept;
    char expected[32];
    int status;

    if (end == NULL)
        return answer.len > YG_HANDSHAKE_MAX ? -EMSGSIZE : 0;
    head = (yodel_str){answer.ptr, (size_t)(end - answer.ptr) + 4};
    if (head.len > YG_HANDSHAKE_MAX)
        return -EMSGSIZE;
    status = read_status(head);
    if (status < 0)
        return -EPROTO;
    *ret_status = status;
    if (status != 101)
        return -ECONNREFUSED;
    accept = find_header(head, "Sec-WebSocket-Accept");
    if (!make_accept(key, expected) || !yodel_str_eq(accept, yodel_str_of(expected)))
        return -EPROTO;
    return (int)head.len;
}

yodel_str yg_handshake_extensions(yodel_str answer)
{
    const char *end = answer.len > 0 ? memmem(answer.ptr, answer.len, "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return (yodel_str){NULL, 0};
    return find_header((yodel_str){answer.ptr, (size_t)(end - answer.ptr) + 4},
                       "Sec-WebSocket-Extensions");
}
