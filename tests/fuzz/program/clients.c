/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "program.h"

/* What clients send, and how they read what comes. */

/* ---- lines: connections ---- */

int client_connect(struct program *p, unsigned loop)
{
    struct line *line = &p->lines[p->num_lines];
    bool nested = p->is_entered[loop];

    if (p->num_lines == MAX_LINES || p->has_ended[loop] || nested ||
        !sim_is_listening(p->server->loops[loop]))
        return -1;
    *line = (struct line){.loop = loop, .session = -1};
    world_enter(p, loop);
    line->peer = sim_connect(p->server->loops[loop]);
    world_leave(p, loop);
    listen_side_greet(p, p->num_lines);
    line_begin(p, line);
    say(p, "client %d connects to loop %u", p->num_lines, loop);
    return p->num_lines++;
}

void client_send(struct program *p, int line, const char *format, ...)
{
    char text[3000];
    va_list args;
    int len;

    if (line < 0)
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (p->verbose)
        say(p, "client %d sends %.*s", line, (int)strcspn(text, "\r\n"), text);
    line_send(&p->lines[line], text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

void client_ask(struct program *p, int line, enum asked asked)
{
    struct line *asker = line >= 0 ? &p->lines[line] : NULL;

    if (asker != NULL && asker->num_asked < sizeof asker->asked / sizeof asker->asked[0])
        asker->asked[asker->num_asked++] = asked;
}

/* Masked with zeros. */
void client_frame(struct program *p, int line, unsigned first_byte, const void *data, size_t len)
{
    uint8_t head[8] = {(uint8_t)first_byte};
    size_t head_len = len < 126 ? 2 : 4;

    if (line < 0)
        return;
    head[1] = 0x80 | (uint8_t)(len < 126 ? len : 126);
    if (len >= 126) {
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
    }
    line_send(&p->lines[line], head, head_len);
    line_send(&p->lines[line], "\0\0\0\0", 4);
    line_send(&p->lines[line], data, len);
    if ((first_byte & 15) == 8)
        p->lines[line].said_close = true;
    say(p, "client %d sends frame %02x %.*s", line, first_byte,
        (first_byte & 15) == 1 ? (int)len : 0, (const char *)data);
}

void client_upgrade(struct program *p, int line, enum asked asked, const char *target)
{
    client_send(p, line,
                "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s"
                "\r\n",
                target, listen_side_headers(p, line),
                once_in(p, 8) ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    client_ask(p, line, asked);
}

/* ---- sessions ---- */

static const char *const paths[NUM_SERVICES] = {"/socket.io/", "/two/"};

int session_new(struct program *p, unsigned service, unsigned loop)
{
    struct session *session = &p->sessions[p->num_sessions];

    if (p->num_sessions == MAX_SESSIONS)
        return -1;
    *session = (struct session){.used = true,
                                .service = service,
                                .loop = loop,
                                .ws = -1,
                                .probe = -1,
                                .poll = -1,
                                .post = -1};
    for (int i = 0; i < NUM_NAMES; i++)
        session->joined[i].ack_to_give = -1;
    return p->num_sessions++;
}

int session_open_ws(struct program *p, unsigned service, unsigned loop)
{
    int line = client_connect(p, loop), session;
    char target[100];

    if (line < 0 || (session = session_new(p, service, loop)) < 0)
        return -1;
    (void)snprintf(target, sizeof target, "%s?EIO=4&transport=websocket", paths[service]);
    p->lines[line].session = session;
    p->sessions[session].ws = line;
    p->sessions[session].on_ws = true;
    client_upgrade(p, line, ASKED_WS, target);
    return session;
}

static bool is_usable(const struct program *p, int line)
{
    return line >= 0 && p->lines[line].peer->stream != NULL && !p->lines[line].said_close &&
           p->lines[line].mode == LINE_HTTP;
}

/* A connection for the session's next request: the one it has, or a new one to some loop. */
static int line_for(struct program *p, int session, int *kept)
{
    if (is_usable(p, *kept) && !once_in(p, 8))
        return *kept;
    *kept = client_connect(p, pick(p, p->num_loops));
    if (*kept >= 0)
        p->lines[*kept].session = session;
    return *kept;
}

static void post(struct program *p, int session, const char *body)
{
    struct session *s = &p->sessions[session];
    int line = line_for(p, session, &s->post);

    client_send(p, line,
                "POST %s?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%s",
                paths[s->service], s->sid, strlen(body), body);
    client_ask(p, line, ASKED_POST);
}

/* Those on polling ask once more, if they do not already. */
void sessions_poll(struct program *p)
{
    for (int i = 0; i < p->num_sessions; i++) {
        const struct session *session = &p->sessions[i];

        if (session->open && !session->ended && !session->on_ws &&
            (session->poll < 0 || p->lines[session->poll].num_asked == 0))
            session_poll(p, i);
    }
}

void session_poll(struct program *p, int session)
{
    struct session *s = &p->sessions[session];
    int line;

    if (!s->open && s->poll >= 0) /* its id is still to come */
        return;
    line = line_for(p, session, &s->poll);
    client_send(p, line, "GET %s?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: a\r\n%s\r\n",
                paths[s->service], s->open ? "&sid=" : "", s->sid, listen_side_headers(p, line));
    client_ask(p, line, ASKED_POLL);
}

void session_probe(struct program *p, int session)
{
    struct session *s = &p->sessions[session];
    char target[200];

    s->probe = client_connect(p, once_in(p, 3) ? pick(p, p->num_loops) : s->loop);
    if (s->probe < 0)
        return;
    p->lines[s->probe].session = session;
    (void)snprintf(target, sizeof target, "%s?EIO=4&transport=websocket&sid=%s", paths[s->service],
                   s->sid);
    client_upgrade(p, s->probe, ASKED_WS, target);
    client_frame(p, s->probe, 0x81, "2probe", 6);
}

void session_switch(struct program *p, int session)
{
    struct session *s = &p->sessions[session];

    client_frame(p, s->probe, 0x81, "5", 1);
    s->ws = s->probe;
    s->probe = -1;
    s->on_ws = s->ws >= 0;
}

static void send_message(struct program *p, int session, const struct yd_buf *message)
{
    struct session *s = &p->sessions[session];
    char *text;

    if (s->on_ws) {
        client_frame(p, s->ws, 0x82, message->ptr, message->len);
        return;
    }
    text = base64_of(message->ptr, message->len);
    post(p, session, text);
    free(text);
}

void session_send(struct program *p, int session, const char *packet)
{
    struct session *s = &p->sessions[session];
    struct yd_buf message = {0};

    if (speaks_msgpack(p) && *packet == '4' && msgpack_of_text(packet + 1, &message)) {
        say(p, "session %d says %s", session, packet);
        send_message(p, session, &message);
        yd_buf_free(&yd_mem_default, &message);
        return;
    }
    if (s->on_ws)
        client_frame(p, s->ws, 0x81, packet, strlen(packet));
    else
        post(p, session, packet);
}

void session_send_binary(struct program *p, int session, const void *data, size_t len)
{
    struct session *s = &p->sessions[session];

    if (speaks_msgpack(p)) /* the packet has them in it */
        return;
    if (s->on_ws)
        client_frame(p, s->ws, 0x82, data, len);
    else
        post(p, session, "bAQID");
}

/* ---- reading: Socket.IO packets ---- */

static void copy_field(const char *text, const char *name, char *ret, size_t size)
{
    const char *at = strstr(text, name);
    size_t len;

    if (at == NULL)
        return;
    at += strlen(name);
    len = strcspn(at, "\"");
    if (len < size)
        (void)snprintf(ret, size, "%.*s", (int)len, at);
}

/* The namespace at the beginning of *text, which is moved past it; -1 when it is none of ours. */
static int take_name(const char **text)
{
    size_t len;

    if (**text != '/')
        return 0;
    len = strcspn(*text, ",");
    for (int i = 1; i < NUM_NAMES; i++)
        if (strlen(program_names[i]) == len && strncmp(program_names[i], *text, len) == 0) {
            *text += len + ((*text)[len] == ',');
            return i;
        }
    return -1;
}

static void on_connected(struct program *p, struct session *session, int name, const char *text)
{
    struct joined *joined = &session->joined[name];

    copy_field(text, "\"sid\":\"", joined->sid, sizeof joined->sid);
    joined->pid[0] = '\0';
    copy_field(text, "\"pid\":\"", joined->pid, sizeof joined->pid);
    joined->ack_to_give = -1;
    if (ssock_find(p, joined->sid, name, session->service) == NULL)
        broken(p, "client: connected as %s, of which no handler was told", joined->sid);
}

/* The serial of what was sent, out of what it has become. */
static unsigned serial_in(const char *text)
{
    static const char *const heads[] = {
        "[\"ev\",", "[\"message\",\"g:", "[\"message\",\"\\\"g:", "[\"chat.message\",{\"n\":"};

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (strncmp(text, heads[i], strlen(heads[i])) == 0)
            return (unsigned)strtoul(text + strlen(heads[i]), NULL, 10);
    return 0;
}

/* An event has come whole, and its offset with it: what is told for a part would be lost. */
static void got_event(struct program *p, struct session *session)
{
    int name = session->pending_name;
    struct joined *joined = &session->joined[name];
    struct ssock *ss = ssock_find(p, joined->sid, name, session->service);

    if (session->pending_offset[0] != '\0')
        memcpy(joined->offset, session->pending_offset, sizeof joined->offset);
    if (session->pending_serial != 0 && ss != NULL)
        ssock_got(ss, session->pending_serial);
}

static void on_event(struct program *p, struct session *session, int name, const char *text,
                     int ack_id)
{
    const char *end = strrchr(text, '"');

    if (ack_id >= 0)
        session->joined[name].ack_to_give = ack_id;
    session->pending_offset[0] = '\0';
    if (p->recovery && ack_id < 0 && end != NULL && end[1] == ']' && end - text > 12)
        (void)snprintf(session->pending_offset, sizeof session->pending_offset, "%.12s", end - 12);
    session->pending_name = name;
    session->pending_serial = serial_in(text);
    if (session->binary_due == 0)
        got_event(p, session);
}

static void on_binary(struct program *p, struct session *session)
{
    if (session->binary_due == 0)
        broken(p, "client: an attachment of nothing");
    else if (--session->binary_due == 0)
        got_event(p, session);
}

static void on_packet(struct program *p, int number, const char *packet)
{
    struct session *session = &p->sessions[number];
    const char *text = packet + 1;
    int name, ack_id = -1;

    if (session->binary_due > 0)
        broken(p, "client: text where an attachment is due");
    session->pending_serial = 0;
    if (*packet == '5' || *packet == '6') {
        session->binary_due = (unsigned)strtoul(text, (char **)&text, 10);
        text += *text == '-';
    }
    if ((name = take_name(&text)) < 0)
        return;
    if (*text >= '0' && *text <= '9')
        ack_id = (int)strtoul(text, (char **)&text, 10);
    if (*packet == '0')
        on_connected(p, session, name, text);
    else if (*packet == '1')
        session->joined[name].sid[0] = '\0';
    else if (*packet == '2' || *packet == '5')
        on_event(p, session, name, text, ack_id);
}

/* A binary message: an attachment, or a packet with all of them. */
static void on_eio_binary(struct program *p, int number, yodel_bytes data)
{
    unsigned attachments = 0;
    char *text;

    if (!speaks_msgpack(p)) {
        on_binary(p, &p->sessions[number]);
        return;
    }
    if ((text = text_of_msgpack(data, &attachments)) == NULL)
        return;
    say(p, "session %d gets %s", number, text);
    on_packet(p, number, text);
    while (attachments-- > 0)
        on_binary(p, &p->sessions[number]);
    free(text);
}

/* ---- reading: Engine.IO packets ---- */

static void on_eio_text(struct program *p, int number, const char *text)
{
    struct session *session = &p->sessions[number];

    say(p, "session %d gets %s", number, text);
    if (*text == '0') {
        copy_field(text, "\"sid\":\"", session->sid, sizeof session->sid);
        session->open = true;
    } else if (*text == '2') {
        session->pong_due = true;
    } else if (*text == '4') {
        on_packet(p, number, text + 1);
    } else if (*text == '1') {
        session->ended = true;
    }
}

static void on_payload(struct program *p, int session, char *text)
{
    char *rest = text;

    while (rest != NULL) {
        char *packet = strsep(&rest, "\x1e");

        if (*packet == 'b')
            on_eio_binary(p, session, bytes_of_base64(packet + 1));
        else if (*packet != '\0')
            on_eio_text(p, session, packet);
    }
}

/* ---- reading: frames ---- */

static void on_raw_text(struct program *p, struct line *line, const char *text)
{
    if (line->wsock == NULL)
        broken(p, "client: a message from a WebSocket of which no handler was told");
    text += *text == '"';
    if (strncmp(text, "g:", 2) == 0)
        wsock_got(line->wsock, (unsigned)strtoul(text + 2, NULL, 10), false);
}

static void on_frame(struct program *p, struct line *line, unsigned first, char *data, size_t len)
{
    if (first == 0x88) {
        line->got_close = true;
        line->close_code = len >= 2 ? (unsigned)((uint8_t)data[0] << 8 | (uint8_t)data[1]) : 1005;
        say(p, "client %d gets close %u", (int)(line - p->lines), line->close_code);
    } else if (line->got_close) {
        broken(p, "client %d: a frame after the close frame", (int)(line - p->lines));
    } else if (first == 0x81 && line->is_raw) {
        say(p, "client %d gets %s", (int)(line - p->lines), data);
        on_raw_text(p, line, data);
    } else if (first == 0x81 && line->session >= 0) {
        on_eio_text(p, line->session, data);
    } else if (first == 0x82 && line->session >= 0) {
        on_eio_binary(p, line->session, (yodel_bytes){(const uint8_t *)data, len});
    }
}

/* Takes one frame; false when there is no whole one. */
static bool read_frame(struct program *p, struct line *line)
{
    struct yd_buf *buf = line_received(line);
    const uint8_t *data = buf->ptr;
    size_t head = 2, len;
    unsigned first;
    char *copy;

    if (buf->len < 2)
        return false;
    first = data[0];
    len = data[1];
    if (len == 126) {
        if (buf->len < 4)
            return false;
        head = 4;
        len = (size_t)data[2] << 8 | data[3];
    }
    if (len == 127 || (data[1] & 0x80) != 0)
        broken(p, "client: a frame that is no server's");
    if (buf->len < head + len)
        return false;
    if ((copy = malloc(len + 1)) == NULL)
        abort();
    memcpy(copy, data + head, len);
    copy[len] = '\0';
    yd_buf_consume(buf, head + len);
    on_frame(p, line, first, copy, len);
    free(copy);
    return true;
}

/* ---- reading: answers ---- */

static enum asked take_asked(struct line *line)
{
    enum asked asked = line->asked[0];

    if (line->num_asked == 0)
        return ASKED_OTHER;
    line->num_asked--;
    memmove(line->asked, line->asked + 1, line->num_asked * sizeof line->asked[0]);
    return asked;
}

static void on_answer(struct program *p, struct line *line, int status, char *body)
{
    enum asked asked = take_asked(line);

    say(p, "client %d gets %d", (int)(line - p->lines), status);
    if (status == 101) {
        line->mode = LINE_WS;
        line->is_raw = asked == ASKED_RAW_WS;
    } else if (asked == ASKED_POLL && line->session >= 0) {
        if (status == 200)
            on_payload(p, line->session, body);
        else
            p->sessions[line->session].ended = true;
    }
}

/* Takes one answer; false when there is no whole one. */
static bool read_answer(struct program *p, struct line *line)
{
    struct yd_buf *buf = line_received(line);
    const char *head = buf->len > 0 ? (const char *)buf->ptr : "", *end = strstr(head, "\r\n\r\n"),
               *length, *chunked;
    size_t len = 0, total;
    int status;
    char *body;

    if (end == NULL)
        return false;
    if (sscanf(head, "HTTP/1.1 %3d ", &status) != 1)
        broken(p, "client: no status line: %.40s", head);
    length = strcasestr(head, "\r\nContent-Length:");
    if (length != NULL && length < end)
        len = strtoul(length + 17, NULL, 10);
    total = (size_t)(end + 4 - head) + len;
    chunked = strcasestr(head, "\r\nTransfer-Encoding: chunked");
    if (chunked != NULL && chunked < end) {
        long body_len = stream_measure(p, end + 4, buf->len - total);

        if (body_len == 0)
            return false;
        total += (size_t)body_len;
    }
    if (buf->len < total)
        return false;
    if ((body = calloc(1, len + 1)) == NULL)
        abort();
    memcpy(body, end + 4, len);
    yd_buf_consume(buf, total);
    on_answer(p, line, status, body);
    free(body);
    return true;
}

void client_read_all(struct program *p)
{
    for (int i = 0; i < p->num_lines; i++) {
        struct line *line = &p->lines[i];

        if (line->had_head && line->mode == LINE_HTTP)
            line_received(line)->len = 0;
        if (line_received(line)->len == 0)
            continue;
        while (line->mode == LINE_HTTP ? read_answer(p, line) : read_frame(p, line))
            ;
    }
}
