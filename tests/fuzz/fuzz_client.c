/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/frames.h"
#include "client/handshake.h"
#include "client/packets.h"
#include "client/poll_payload.h"
#include "client/sse_text.h"
#include "client/ws_deflate.h"

/* The input is what a server has sent to a client of `yodel connect`; its first byte says how it is
 * cut.  However that is, the same comes of it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 200

static void require(int holds)
{
    if (!holds)
        abort();
}

/* ---- frames ---- */

static int read_frames(const uint8_t *data, size_t size, size_t step, struct yg_text *into)
{
    struct yg_frames frames = {.max = MAX};
    struct yg_frame frame;
    int rc = 0;

    for (size_t at = 0; at < size && rc == 0; at += step) {
        yodel_bytes input = {data + at, size - at < step ? size - at : step};

        while ((rc = yg_frames_next(&frames, &input, &frame)) == 1) {
            require(frame.opcode != YG_FRAME_CONTINUATION && frame.payload.len <= MAX);
            yg_text_putc(into, (char)frame.opcode);
            yg_text_add(into, (const char *)frame.payload.ptr, frame.payload.len);
        }
        require(rc != 0 || input.len == 0);
        require(rc == 0 || frames.problem != NULL);
    }
    yg_frames_done(&frames);
    return rc;
}

static void same_frames(const uint8_t *data, size_t size, size_t step)
{
    struct yg_text whole = {0}, cut = {0};

    require(read_frames(data, size, size, &whole) == read_frames(data, size, step, &cut));
    require(whole.len == cut.len && (whole.len == 0 || memcmp(whole.ptr, cut.ptr, cut.len) == 0));
    yg_text_done(&whole);
    yg_text_done(&cut);
}

/* ---- server-sent events ---- */

static int read_events(const uint8_t *data, size_t size, size_t step, struct yg_text *into)
{
    struct yg_sse sse = {.max = MAX};
    struct yg_sse_event event;
    int rc = 0;

    for (size_t at = 0; at < size && rc == 0; at += step) {
        yodel_str input = {(const char *)data + at, size - at < step ? size - at : step};

        while ((rc = yg_sse_next(&sse, &input, &event)) == 1) {
            yg_text_add(into, event.name.ptr, event.name.len);
            yg_text_add(into, event.data.ptr, event.data.len);
            yg_text_add(into, event.id.ptr, event.id.len);
        }
    }
    yg_sse_done(&sse);
    return rc;
}

static void same_events(const uint8_t *data, size_t size, size_t step)
{
    struct yg_text whole = {0}, cut = {0};
    const int rc = read_events(data, size, size, &whole);

    /* What is too long is noticed sooner or later, by how it is cut. */
    if (read_events(data, size, step, &cut) == 0 && rc == 0)
        require(whole.len == cut.len &&
                (whole.len == 0 || memcmp(whole.ptr, cut.ptr, cut.len) == 0));
    yg_text_done(&whole);
    yg_text_done(&cut);
}

/* ---- packets, and the answer to a handshake ---- */

static void read_packet(const uint8_t *data, size_t size)
{
    const yodel_str text = {(const char *)data, size};
    struct yg_packet packet, again;
    struct yg_text put = {0};
    int status;

    require(yg_handshake_check(text, "dGhlIHNhbXBsZSBub25jZQ==", &status) <= (int)size);
    if (yg_packet_read(text, &packet) < 0)
        return;
    yg_packet_put(&put, &packet);
    if (packet.json.len == 0 || *packet.json.ptr == '[' || *packet.json.ptr == '{') {
        require(yg_packet_read((yodel_str){put.ptr + 1, put.len - 1}, &again) == 0);
        require(again.kind == packet.kind && again.id == packet.id &&
                again.num_attachments == packet.num_attachments);
    }
    yg_text_done(&put);
}

/* ---- payloads, and cookies ---- */

/* Its packets, put together again, are the same payload; cut, each piece is whole packets. */
static void read_payload(const uint8_t *data, size_t size, size_t max)
{
    yodel_str rest = {(const char *)data, size}, packet;
    struct yg_text again = {0};
    size_t num = 0, num_cut = 0;

    while (yg_payload_next(&rest, &packet)) {
        if (again.len > 0 || packet.len > 0)
            yg_payload_put(&again, packet);
        num++;
    }
    require(again.len <= size && (*data == YG_PAYLOAD_SEPARATOR || again.len == size));
    for (size_t at = 0; at <= size; num_cut++)
        at += yg_payload_fit((yodel_str){(const char *)data + at, size - at}, max) + 1;
    require(num_cut <= num);
    yg_text_done(&again);
}

static void read_cookies(const uint8_t *data, size_t size)
{
    struct yg_text cookies = {0};
    char *text = strndup((const char *)data, size), *rest = text;

    require(text != NULL);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        yg_cookies_take(&cookies, line);
        require(cookies.len <= YG_COOKIES_MAX && cookies.len == strlen(yg_text_string(&cookies)));
    }
    yg_text_done(&cookies);
    free(text);
}

/* ---- permessage-deflate ---- */

static void read_deflated(const uint8_t *data, size_t size)
{
    struct yg_deflate codec = {.terms = {.bits_out = 15, .bits_in = 15}};
    struct yg_deflate_terms agreed;
    int rc = 0;

    if (yg_deflate_read((yodel_str){(const char *)data, size}, &agreed) == 0)
        require(agreed.bits_out >= 8 && agreed.bits_out <= 15 && agreed.bits_in >= 8 &&
                agreed.bits_in <= 15);
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = yg_deflate_take(&codec, (yodel_bytes){data, size}, MAX);
        require(rc == 0 || rc == -EBADMSG || rc == -EMSGSIZE);
        require(codec.inflated.len <= MAX);
    }
    yg_deflate_done(&codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    same_frames(data + 1, size - 1, 1 + data[0] % 16);
    same_events(data + 1, size - 1, 1 + data[0] % 16);
    read_packet(data + 1, size - 1);
    read_payload(data + 1, size - 1, 1 + data[0] % 16);
    read_cookies(data + 1, size - 1);
    read_deflated(data + 1, size - 1);
    return 0;
}
