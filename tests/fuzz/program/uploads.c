/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* Uploads that are read in parts: what is given is what was sent, once and in order, and each ends
 * once, whatever is called meanwhile. */

struct upload {
    struct upload *next;
    struct program *p;
    yodel_request *req; /* NULL: not to be used any more */
    unsigned loop;
    size_t len, got; /* what its client means to send, and what came; bytes */
    bool reading, ended, paused, inside;
};

static uint8_t byte_at(size_t at)
{
    return (uint8_t)('a' + at % 23);
}

/* ---- the server's side ---- */

static struct upload *meet(yodel_request *req, void *user, const char *handler)
{
    struct upload *upload = user;
    struct program *p = upload->p;

    if (upload->req != req || !upload->reading)
        broken(p, "%s: of an upload that is not read", handler);
    if (upload->ended)
        broken(p, "%s: after on_end", handler);
    if (upload->inside)
        broken(p, "%s: inside a call", handler);
    if (p->current >= 0 && p->current != (int)upload->loop)
        broken(p, "%s: on another loop", handler);
    return upload;
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    struct upload *upload = meet(req, user, "on_data");
    struct program *p = upload->p;

    say(p, "upload: %zu bytes", data.len);
    if (upload->paused)
        broken(p, "on_data: of an upload that is paused");
    if (data.len == 0)
        broken(p, "on_data: nothing");
    for (size_t i = 0; i < data.len; i++)
        if (data.ptr[i] != byte_at(upload->got + i))
            broken(p, "on_data: not what was sent");
    upload->got += data.len;
    if (upload->got > upload->len)
        broken(p, "on_data: more than was sent");
    act(p, NULL, NULL);
    return once_in(p, 16) ? -EIO : 0;
}

static void on_end(yodel_request *req, int result, void *user)
{
    struct upload *upload = meet(req, user, "on_end");
    struct program *p = upload->p;

    say(p, "upload ends: %s", yodel_error_name(result));
    upload->ended = true;
    if (result == 0 && upload->paused)
        broken(p, "on_end: of an upload that is paused");
    if (result == 0 && upload->got != upload->len)
        broken(p, "on_end: whole, but %zu of %zu bytes came", upload->got, upload->len);
    act(p, NULL, NULL);
    if (once_in(p, 2))
        (void)yodel_request_reply_text(req, 201, NULL, YODEL_STR("kept"));
    if (once_in(p, 4))
        (void)decision_keep(p, yodel_request_defer(req), "an upload", NULL, false);
    act(p, NULL, NULL);
    upload->req = NULL;
}

static void read_body(struct upload *upload)
{
    struct program *p = upload->p;
    int rc;

    upload->inside = true;
    rc = yodel_request_body_read(
        upload->req,
        YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data, .on_end = on_end,
                      .max_body = once_in(p, 3) ? UINT64_MAX : 0, .body_ms = 500),
        upload);
    upload->inside = false;
    say(p, "upload: read: %d", rc);
    if (rc == 0 && upload->reading)
        broken(p, "yodel_request_body_read: 0 for the second time");
    if (rc == 0)
        upload->reading = true;
}

static void on_upload(yodel_request *req, void *user)
{
    struct program *p = user;
    struct upload *upload = calloc(1, sizeof *upload);
    yodel_str query = yodel_request_query(req); /* "n=700" */

    if (upload == NULL)
        abort();
    *upload = (struct upload){.next = p->uploads, .p = p, .req = req};
    upload->loop = (unsigned)p->current;
    upload->len = query.len > 2 ? strtoul(query.ptr + 2, NULL, 10) : 0;
    p->uploads = upload;
    say(p, "upload of %zu bytes", upload->len);
    act(p, NULL, NULL);
    if (!once_in(p, 12))
        read_body(upload);
    act(p, NULL, NULL);
    if (!upload->reading)
        upload->req = NULL;
}

static void answer_in_parts(struct program *p, yodel_request *req)
{
    yodel_stream *stream;
    int rc = yodel_request_stream_begin(
        req, YODEL_OPTIONS(yodel_stream_options, .has_length = 1, .length = 4), &stream);

    say(p, "upload: answer in parts: %d", rc);
    if (rc < 0)
        return;
    (void)yodel_stream_write_text(stream, YODEL_STR("done"));
    if (once_in(p, 4))
        yodel_stream_abort(stream);
    else
        (void)yodel_stream_end(stream);
}

static void pause_or_resume(struct upload *upload, bool pauses)
{
    int rc;

    upload->inside = true;
    rc = pauses ? yodel_request_body_pause(upload->req) : yodel_request_body_resume(upload->req);
    upload->inside = false;
    say(upload->p, "upload: %s: %d", pauses ? "pause" : "resume", rc);
    if (rc == 0 && upload->ended)
        broken(upload->p, "an upload is paused after its end");
    if (rc == 0)
        upload->paused = pauses;
}

void upload_act(struct program *p)
{
    struct upload *upload = p->uploads;

    while (upload != NULL && (upload->req == NULL || (int)upload->loop != p->current))
        upload = upload->next;
    if (upload == NULL)
        return;
    switch (pick(p, 12)) {
    case 0:
        upload->inside = true;
        (void)yodel_request_reply_text(upload->req, 409, NULL, YODEL_STR("enough"));
        upload->inside = false;
        break;
    case 1:
        upload->inside = true;
        answer_in_parts(p, upload->req);
        upload->inside = false;
        break;
    case 2:
        (void)decision_keep(p, yodel_request_defer(upload->req), "an upload", NULL, false);
        break;
    case 3:
        read_body(upload);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        pause_or_resume(upload, true);
        break;
    default:
        pause_or_resume(upload, false);
    }
}

void uploads_set_up(struct program *p)
{
    if (yodel_server_route_with(
            p->server, "/up",
            YODEL_OPTIONS(yodel_route_options, .on_request = on_upload, .stream_body = 1), p) < 0 ||
        yodel_server_route_with(
            p->server, "/up-whole",
            YODEL_OPTIONS(yodel_route_options, .on_request = on_upload, .max_body = 5000), p) < 0)
        abort();
}

void uploads_free(struct program *p)
{
    struct upload *next;

    for (struct upload *upload = p->uploads; upload != NULL; upload = next) {
        next = upload->next;
        if (upload->reading && !upload->ended)
            broken(p, "an upload has not ended");
        free(upload);
    }
    p->uploads = NULL;
}

/* ---- the clients' side ---- */

void upload_begin(struct program *p, unsigned loop)
{
    static const unsigned lens[] = {0, 10, 700, 3000, 4000, 4001, 6000};
    int line = client_connect(p, loop);
    struct line *sender;
    char length[60];

    if (line < 0)
        return;
    sender = &p->lines[line];
    sender->upload_len = lens[pick(p, 7)];
    sender->upload_chunked = once_in(p, 2);
    (void)snprintf(length, sizeof length, "Content-Length: %u", sender->upload_len);
    client_send(p, line, "POST /up%s?n=%u HTTP/1.1\r\nHost: a\r\n%s\r\n%s\r\n",
                once_in(p, 6) ? "-whole" : "", sender->upload_len,
                sender->upload_chunked ? "Transfer-Encoding: chunked" : length,
                once_in(p, 6) ? "Expect: 100-continue\r\n" : "");
    sender->uploads = true;
    upload_go_on(p);
}

static void end_chunks(struct line *sender, const char *text)
{
    line_send(sender, text, strlen(text));
}

/* Sends some of the upload that was begun last and is not done. */
void upload_go_on(struct program *p)
{
    struct line *sender = NULL;
    uint8_t data[2000];
    size_t len = 1 + 9u * draw(p);

    for (int i = p->num_lines - 1; i >= 0 && sender == NULL; i--)
        if (p->lines[i].uploads && !p->lines[i].said_close)
            sender = &p->lines[i];
    if (sender == NULL)
        return;
    if (len > sender->upload_len - sender->upload_at)
        len = sender->upload_len - sender->upload_at;
    if (len > sizeof data)
        len = sizeof data;
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(sender->upload_at + i);
    sender->upload_at += (unsigned)len;
    say(p, "client sends %zu bytes of an upload", len);
    if (sender->upload_chunked && len > 0) {
        char head[20];

        line_send(sender, head, (size_t)snprintf(head, sizeof head, "%zx\r\n", len));
    }
    line_send(sender, data, len);
    if (sender->upload_chunked && len > 0)
        line_send(sender, "\r\n", 2);
    if (sender->upload_at < sender->upload_len)
        return;
    sender->uploads = false;
    if (sender->upload_chunked)
        end_chunks(sender, once_in(p, 3) ? "0\r\nT: v\r\n\r\n" : "0\r\n\r\n");
}
