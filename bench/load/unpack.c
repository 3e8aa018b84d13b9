/* SPDX-License-Identifier: MIT */
#include "unpack.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PIECE 4096

struct unpacker {
    z_stream stream;
    bool keeps;
    size_t at; /* bytes of the payload that have come */
};

struct unpacker *unpacker_new(bool keeps)
{
    struct unpacker *u = calloc(1, sizeof *u);

    if (u == NULL)
        return NULL;
    u->keeps = keeps;
    if (inflateInit2(&u->stream, -MAX_WBITS) != Z_OK) {
        free(u);
        return NULL;
    }
    return u;
}

void unpacker_free(struct unpacker *u)
{
    if (u == NULL)
        return;
    (void)inflateEnd(&u->stream);
    free(u);
}

/* True when the bytes are the next ones of the payload. */
static bool compare(struct unpacker *u, const uint8_t *bytes, size_t len, const struct reply *reply)
{
    const uint8_t *payload = reply->frame + reply->head;
    size_t payload_len = reply->len - reply->head;
    bool same = len <= payload_len - u->at && memcmp(bytes, payload + u->at, len) == 0;

    if (same)
        u->at += len;
    return same;
}

bool unpacker_add(struct unpacker *u, const uint8_t *data, size_t len, const struct reply *reply)
{
    uint8_t bytes[PIECE];
    int rc;

    u->stream.next_in = (uint8_t *)data;
    u->stream.avail_in = (uInt)len;
    do {
        u->stream.next_out = bytes;
        u->stream.avail_out = sizeof bytes;
        rc = inflate(&u->stream, Z_SYNC_FLUSH);
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return false;
        if (!compare(u, bytes, sizeof bytes - u->stream.avail_out, reply))
            return false;
    } while (u->stream.avail_out == 0);
    return u->stream.avail_in == 0;
}

bool unpacker_end(struct unpacker *u, const struct reply *reply)
{
    static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};
    bool whole = unpacker_add(u, tail, sizeof tail, reply) && u->at == reply->len - reply->head;

    u->at = 0;
    if (!u->keeps)
        (void)inflateReset(&u->stream);
    return whole;
}
