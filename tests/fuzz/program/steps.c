/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* The steps of a program. */

/* ---- targets ---- */

static int choose_line(struct program *p)
{
    return p->num_lines > 0
               ? p->num_lines - 1 - (int)pick(p, p->num_lines < 8 ? (unsigned)p->num_lines : 8)
               : -1;
}

static int choose_session(struct program *p)
{
    return p->num_sessions > 0
               ? p->num_sessions - 1 -
                     (int)pick(p, p->num_sessions < 5 ? (unsigned)p->num_sessions : 5)
               : -1;
}

static unsigned choose_loop(struct program *p)
{
    return pick(p, p->num_loops);
}

/* ---- HTTP ---- */

static void step_request(struct program *p)
{
    static const char *const targets[] = {"/now", "/later", "/nowhere"};
    int line = once_in(p, 3) ? choose_line(p) : client_connect(p, choose_loop(p));
    const char *target = targets[pick(p, 3)];

    if (target == targets[2] && p->step % 2 == 0)
        target = "/files/a.txt";
    if (line < 0 || p->lines[line].mode != LINE_HTTP || p->lines[line].session >= 0 ||
        p->lines[line].uploads)
        return;
    client_send(p, line, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target,
                once_in(p, 6) ? "Connection: close\r\n" : "");
    client_ask(p, line, ASKED_OTHER);
}

static void step_upload(struct program *p)
{
    if (once_in(p, 3))
        upload_begin(p, choose_loop(p));
    else
        upload_go_on(p);
}

static void step_stream(struct program *p)
{
    int line = once_in(p, 4) ? choose_line(p) : client_connect(p, choose_loop(p));
    const char *target = once_in(p, 3) ? "/stream" : "/events";
    bool is_head = once_in(p, 8);

    if (line < 0 || p->lines[line].mode != LINE_HTTP || p->lines[line].session >= 0 ||
        p->lines[line].uploads)
        return;
    p->lines[line].had_head = p->lines[line].had_head || is_head;
    client_send(p, line, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", is_head ? "HEAD" : "GET", target);
    client_ask(p, line, ASKED_OTHER);
}

static void step_use_stream(struct program *p)
{
    stream_use(p);
}

/* ---- raw WebSockets ---- */

static void step_open(struct program *p)
{
    int line = client_connect(p, choose_loop(p));
    char target[40];

    (void)snprintf(target, sizeof target, "/ws?n=%d", line);
    if (line >= 0)
        client_upgrade(p, line, ASKED_RAW_WS, target);
}

static int choose_ws_line(struct program *p)
{
    int line = choose_line(p);

    for (int i = 0; i<p->num_lines; i++, line = line> 0 ? line - 1 : p->num_lines - 1)
        if (line >= 0 && p->lines[line].num_asked + (p->lines[line].mode == LINE_WS) > 0 &&
            (p->lines[line].is_raw || p->lines[line].session < 0))
            return line;
    return -1;
}

static void step_message(struct program *p)
{
    static const uint8_t data[900];
    int line = choose_ws_line(p);

    if (once_in(p, 4))
        client_frame(p, line, 0x82, data, 4u * draw(p) % sizeof data);
    else
        client_frame(p, line, 0x81, "hello", 5);
}

static void step_frames(struct program *p)
{
    static const uint8_t close[] = {3, 0xe8};
    static const unsigned firsts[] = {0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x88, 0x83, 0xc1};
    unsigned first = firsts[pick(p, 9)];
    int line = choose_ws_line(p);

    if (line < 0)
        return;
    client_frame(p, line, first, first == 0x88 ? close : (const uint8_t *)"ab", 2);
    p->lines[line].said_close = true; /* it may have been wrong at this place */
}

/* ---- Engine.IO ---- */

static void step_session_ws(struct program *p)
{
    (void)session_open_ws(p, pick(p, p->num_services), choose_loop(p));
}

static void step_session_poll(struct program *p)
{
    int session = session_new(p, pick(p, p->num_services), choose_loop(p));

    if (session >= 0)
        session_poll(p, session);
}

static void step_poll(struct program *p)
{
    int session = choose_session(p);

    if (session >= 0 && !p->sessions[session].on_ws)
        session_poll(p, session);
}

static void step_upgrade(struct program *p)
{
    int session = choose_session(p);

    if (session < 0 || p->sessions[session].on_ws || !p->sessions[session].open)
        return;
    if (p->sessions[session].probe < 0)
        session_probe(p, session);
    else
        session_switch(p, session);
}

static void step_packet(struct program *p)
{
    static const char *const packets[] = {"3", "1", "6", "2", "4", "x", "40", "3probe"};
    int session = choose_session(p);

    if (session < 0)
        return;
    if (p->sessions[session].pong_due || once_in(p, 2))
        session_send(p, session, "3");
    else
        session_send(p, session, packets[pick(p, 8)]);
    p->sessions[session].pong_due = false;
}

/* ---- Socket.IO ---- */

static void put_name(char *text, size_t size, char type, int name, const char *rest)
{
    (void)snprintf(text, size, "4%c%s%s%s", type, name > 0 ? program_names[name] : "",
                   name > 0 ? "," : "", rest);
}

static int choose_name(struct program *p)
{
    static const int names[] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5};

    return names[pick(p, 12)];
}

static void join(struct program *p, int session, int name)
{
    char text[100];

    put_name(text, sizeof text, '0', name, once_in(p, 4) ? "{\"a\":1}" : "");
    session_send(p, session, text);
}

static void step_join(struct program *p)
{
    int session = choose_session(p);

    if (session >= 0)
        join(p, session, choose_name(p));
}

/* A client that is there at once. */
static void step_join_new(struct program *p)
{
    int session = session_open_ws(p, pick(p, p->num_services), choose_loop(p));

    if (session >= 0)
        join(p, session, choose_name(p));
}

/* CONNECT with what the client knows of the state it had; not all clients tell the last offset. */
static void come_back(struct program *p, int session, int name, const struct joined *had)
{
    struct joined *joined = &p->sessions[session].joined[name];
    struct ssock *ss = ssock_find(p, had->sid, name, p->sessions[session].service);
    char text[160], rest[120];

    memcpy(joined->sid, had->sid, sizeof joined->sid);
    memcpy(joined->offset, had->offset, sizeof joined->offset);
    if (had->offset[0] != '\0' && !once_in(p, 8)) {
        (void)snprintf(rest, sizeof rest, "{\"pid\":\"%s\",\"offset\":\"%s\"}", had->pid,
                       had->offset);
    } else {
        (void)snprintf(rest, sizeof rest, "{\"pid\":\"%s\"}", had->pid);
        if (ss != NULL)
            ss->asks_truly = false;
    }
    put_name(text, sizeof text, '0', name, rest);
    session_send(p, session, text);
}

/* A client comes back to what another session had, which may not know yet that it is lost; it does
 * not listen there any more, but may come a second time. */
static void step_return(struct program *p)
{
    int lost = choose_session(p), name = choose_name(p), session;
    struct joined had;

    if (lost < 0)
        return;
    client_read_all(p);
    had = p->sessions[lost].joined[name];
    if (had.pid[0] == '\0' || had.sid[0] == '\0')
        return;
    session = session_open_ws(p, p->sessions[lost].service, choose_loop(p));
    if (session < 0)
        return;
    p->sessions[lost].joined[name].sid[0] = '\0';
    come_back(p, session, name, &had);
}

static void step_event(struct program *p)
{
    static const char *const rests[] = {"[\"hello\",1]", "[\"other\"]", "12[\"hello\"]",
                                        "13[\"other\",{}]"};
    int session = choose_session(p);
    char text[100];

    if (session < 0)
        return;
    put_name(text, sizeof text, '2', choose_name(p), rests[pick(p, 4)]);
    session_send(p, session, text);
}

static void step_binary(struct program *p)
{
    int session = choose_session(p);

    if (session < 0)
        return;
    if (!once_in(p, 6))
        session_send(p, session, "451-[\"hello\",{\"_placeholder\":true,\"num\":0}]");
    if (!once_in(p, 6))
        session_send_binary(p, session, "abc", 3);
}

static void step_ack(struct program *p)
{
    int session = choose_session(p), name = choose_name(p), id;
    char text[100], rest[40];

    if (session < 0 || (id = p->sessions[session].joined[name].ack_to_give) < 0)
        return;
    (void)snprintf(rest, sizeof rest, "%d[\"ok\"]", id);
    put_name(text, sizeof text, '3', name, rest);
    session_send(p, session, text);
    p->sessions[session].joined[name].ack_to_give = -1;
}

static void step_part(struct program *p)
{
    int session = choose_session(p);
    char text[40];

    if (session < 0)
        return;
    put_name(text, sizeof text, '1', choose_name(p), "");
    session_send(p, session, text);
}

/* ---- the network ---- */

static void step_drop(struct program *p)
{
    int line = choose_line(p);

    if (line < 0)
        return;
    say(p, "client %d drops", line);
    p->lines[line].said_close = true;
    if (once_in(p, 2))
        sim_break(p->lines[line].peer, -ECONNRESET);
    else
        sim_end(p->lines[line].peer);
}

static void step_window(struct program *p)
{
    int line = choose_line(p);

    if (line < 0)
        return;
    p->lines[line].said_close = true; /* it may miss what it is told */
    p->lines[line].peer->window = once_in(p, 3) ? SIZE_MAX : draw(p);
    p->lines[line].peer->max_taken = pick(p, 2) * draw(p);
    p->lines[line].peer->chop = pick(p, 3);
}

static void step_rubbish(struct program *p)
{
    static const char *const texts[] = {
        "GET ", "x\r\n\r\n", "POST /now HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", "\r\n", "\x81"};
    int line = choose_line(p);

    if (line < 0 || p->lines[line].uploads)
        return;
    p->lines[line].said_close = true;
    client_send(p, line, "%s", texts[pick(p, 5)]);
}

/* ---- loops and time ---- */

static void step_turn(struct program *p)
{
    world_turn(p, choose_loop(p));
}

static void step_run(struct program *p)
{
    world_run(p, choose_loop(p));
}

static void step_run_all(struct program *p)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < p->num_loops; i++)
            world_run(p, i);
    redis_side_run(p);
    far_run(p);
    python_run(p);
    client_read_all(p);
}

static void step_time(struct program *p)
{
    p->now += 1 + pick(p, 60);
    step_run_all(p);
}

/* All loops sleep, or are busy: what has come meanwhile is seen ahead of the timers. */
static void step_jump(struct program *p)
{
    p->now += 20u * draw(p);
    say(p, "time passes");
}

static void step_fail(struct program *p)
{
    p->fail_in = 1 + pick(p, 40);
    say(p, "allocation %u will fail", p->fail_in);
}

static void step_stop(struct program *p)
{
    if (once_in(p, 10))
        program_stop(p);
}

static void step_kept(struct program *p)
{
    use_kept(p);
}

/* ---- the table: one byte chooses, so the weights are 256 in all ---- */

static const struct step {
    unsigned weight;
    const char *name;
    void (*fn)(struct program *p);
} steps[] = {
    {3, "request", step_request},
    {8, "upload", step_upload},
    {10, "open", step_open},
    {12, "message", step_message},
    {4, "frames", step_frames},
    {2, "session on WebSocket", step_session_ws},
    {4, "session on polling", step_session_poll},
    {6, "poll", step_poll},
    {5, "upgrade", step_upgrade},
    {5, "packet", step_packet},
    {8, "join", step_join},
    {14, "join anew", step_join_new},
    {10, "return", step_return},
    {20, "event", step_event},
    {4, "binary", step_binary},
    {6, "ack", step_ack},
    {3, "part", step_part},
    {8, "drop", step_drop},
    {4, "window", step_window},
    {2, "rubbish", step_rubbish},
    {14, "turn", step_turn},
    {16, "run", step_run},
    {26, "run all", step_run_all},
    {8, "time", step_time},
    {8, "jump", step_jump},
    {2, "fail", step_fail},
    {20, "abroad", act_abroad},
    {4, "stop", step_stop},
    {4, "kept", step_kept},
    {5, "stream", step_stream},
    {3, "use a stream", step_use_stream},
    {8, "pool", open_side_step},
};

void run_step(struct program *p)
{
    unsigned total = 0, chosen;
    const struct step *step = steps;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        total += steps[i].weight;
    if (total > 256) /* one byte chooses: the last ones would never be */
        abort();
    chosen = pick(p, total);
    while (chosen >= step->weight)
        chosen -= step++->weight;
    say(p, "* %s", step->name);
    step->fn(p);
}
