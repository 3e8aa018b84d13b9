/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "adapter/python_peer.h"
#include "base/container.h"
#include "base/mem.h"
#include "program.h"

/*
 * A Python on the channel of the first service: what it is asked it answers, now and then, and it
 * emits, disconnects and says things that are wrong.  Whether a program has one is told by its last
 * byte and not drawn, so that programs of before mean what they meant.
 */

#define MAX_HEARD 16

struct python {
    struct yd_python_peer peer; /* first */
    struct program *p;
    struct yd_buf heard[MAX_HEARD]; /* published, not yet delivered; more is lost */
    unsigned num_heard;
    uint64_t last_id; /* of a callback that is waited for */
};

static bool has_python(const struct program *p)
{
    return p->size > 0 && p->data[p->size - 1] % 7 == 5;
}

/* Any thread that the program plays. */
static int publish(struct yd_python_peer *peer, yodel_bytes message)
{
    struct python *python = (struct python *)peer;

    if (python->num_heard == MAX_HEARD)
        return YODEL_ERR_CONGESTED;
    if (yd_buf_append(&yd_mem_default, &python->heard[python->num_heard++], message.ptr,
                      message.len) < 0)
        abort();
    return 0;
}

static void say_text(struct python *python, const char *text)
{
    int rc =
        yd_python_peer_receive(&python->peer, (yodel_bytes){(const uint8_t *)text, strlen(text)});

    if (rc == YODEL_ERR_PROTOCOL || rc == YODEL_ERR_TOO_BIG)
        broken(python->p, "what Python says is not understood: %.200s", text);
}

/* ---- what it hears ---- */

static void answer(struct python *python, uint64_t id)
{
    char text[200];

    snprintf(text, sizeof text,
             "{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":%llu,\"args\":[1]}",
             yd_bus_process(&python->p->server->bus), (unsigned long long)id);
    say_text(python, text);
}

/* Own messages come back; one with a callback is answered, perhaps twice. */
static void hear(struct python *python, const struct yd_buf *message)
{
    static const struct yd_python_reading reading = {1u << 20, true};
    yodel_bytes bytes = {message->ptr, message->len};
    struct yd_python_message heard;
    int rc = yd_python_read(&yd_mem_default, bytes, &reading, &heard);

    if (rc < 0)
        broken(python->p, "Python does not understand: %d", rc);
    if (heard.wants_callback)
        python->last_id = strtoull(heard.id_json.ptr, NULL, 10);
    yd_python_message_free(&heard);
    (void)yd_python_peer_receive(&python->peer, bytes);
}

void python_run(struct program *p)
{
    struct python *python = p->python;

    for (unsigned i = 0; python != NULL && i < python->num_heard; i++) {
        struct yd_buf message = python->heard[i];

        python->heard[i] = (struct yd_buf){0};
        hear(python, &message);
        yd_buf_free(&yd_mem_default, &message);
    }
    if (python != NULL)
        python->num_heard = 0;
}

/* ---- what it does ---- */

static const char *any_id(const struct program *p)
{
    const struct ssock *ss = p->ssocks;

    for (; ss != NULL; ss = ss->next)
        if (ss->service == 0 && !ss->ended)
            return ss->id;
    return "AAAAAAAAAAAAAAAAAAAA";
}

static void emit(struct python *python)
{
    static const char *const data[] = {
        "[]", "[{\"a\":1},2]", "[[{\"_placeholder\":true,\"num\":0}],\"AAH/\"],\"binary\":true"};
    struct program *p = python->p;
    char text[600], callback[100] = "null", room[60] = "null";

    if (once_in(p, 2))
        snprintf(room, sizeof room, "\"%s\"",
                 once_in(p, 2) ? any_id(p) : program_rooms[pick(p, NUM_ROOMS)]);
    if (once_in(p, 3))
        snprintf(callback, sizeof callback, "[\"x\",\"/\",%u]", pick(p, 9));
    snprintf(text, sizeof text,
             "{\"method\":\"emit\",\"event\":\"passed\",\"data\":%s,\"namespace\":\"%s\","
             "\"room\":%s,\"skip_sid\":%s,\"callback\":%s,\"host_id\":\"0\"}",
             data[pick(p, 3)], once_in(p, 2) ? "/" : "/chat", room,
             once_in(p, 3) ? "[\"BBBBBBBBBBBBBBBBBBBB\",\"r1\"]" : "null", callback);
    say_text(python, text);
}

static void change_rooms(struct python *python)
{
    static const char *const methods[] = {"enter_room", "leave_room", "close_room"};
    char text[200];

    snprintf(text, sizeof text,
             "{\"method\":\"%s\",\"sid\":\"%s\",\"room\":\"py\",\"namespace\":\"/\"}",
             methods[pick(python->p, 3)], any_id(python->p));
    say_text(python, text);
}

static void disconnect(struct python *python)
{
    char text[200];

    snprintf(text, sizeof text, "{\"method\":\"disconnect\",\"sid\":\"%s\",\"namespace\":\"%s\"}",
             any_id(python->p), once_in(python->p, 2) ? "/" : "/chat");
    say_text(python, text);
}

static void say_nonsense(struct python *python)
{
    static const char *const texts[] = {"", "{", "{\"method\":\"emit\",\"event\":1}",
                                        "{\"method\":\"callback\",\"host_id\":\"0\"}",
                                        "\x80\x04\x95"};
    const char *text = texts[pick(python->p, 5)];

    (void)yd_python_peer_receive(&python->peer, (yodel_bytes){(const uint8_t *)text, strlen(text)});
}

void python_act(struct program *p)
{
    struct python *python = p->python;

    if (python == NULL || p->over)
        return;
    say(p, "from Python");
    switch (pick(p, 6)) {
    case 0:
    case 1:
        emit(python);
        break;
    case 2:
        change_rooms(python);
        break;
    case 3:
        disconnect(python);
        break;
    case 4:
        say_nonsense(python);
        break;
    default:
        answer(python, python->last_id);
    }
}

/* ---- its life ---- */

void python_set_up(struct program *p)
{
    const struct yd_python_options options = {YD_PYTHON_LIST, 1u << 20, 5000, 3};
    struct python *python;

    if (!has_python(p))
        return;
    if ((python = calloc(1, sizeof *python)) == NULL ||
        yd_python_peer_init(&python->peer, p->services[0].sio, &options, publish) < 0)
        abort();
    python->p = p;
    python->last_id = 1;
    p->python = python;
}

void python_free(struct program *p)
{
    for (unsigned i = 0; p->python != NULL && i < MAX_HEARD; i++)
        yd_buf_free(&yd_mem_default, &p->python->heard[i]);
    free(p->python);
    p->python = NULL;
}
