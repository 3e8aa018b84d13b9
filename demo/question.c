/* SPDX-License-Identifier: MIT */
/* Acknowledgements: the namespace "/ask". */
#include "demo.h"

#include <errno.h>

enum { ANSWER_MS = 5000 };

/* card: question */
/* socket.emit("add", 2, 3, (sum) => ...) */
static void on_add(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    double a, b;

    (void)socket;
    (void)user;
    if (yodel_sio_event_unpack(event, "FF", &a, &b) == 0)
        (void)yodel_sio_event_answer(event, "f", a + b);
    else
        (void)yodel_sio_event_answer(event, "{s:s}", "code", "need_numbers");
}

/* It never answers: a client that wants to wait no longer than so says socket.timeout(ms). */
static void on_never(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    (void)event;
    (void)user;
}

/* What the client has answered, or why it has not, answers its own question. */
static void got_answer(const yodel_sio_answers *answers, void *user)
{
    yodel_decision *ack = user;
    const char *name;
    size_t len;

    if (answers->result == 0 && yodel_sio_answers_unpack(answers, "s%", &name, &len) == 0)
        (void)yodel_decision_answer(ack, "{s:s%}", "name", name, len);
    else
        (void)yodel_decision_answer(ack, "{s:s}", "code", "no_answer");
    yodel_decision_unref(ack);
}

/* The server asks, too: socket.on("name?", (answer) => answer("Anna")) */
static void on_ask_me(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to(socket), ANSWER_MS);
    yodel_decision *ack = yodel_sio_event_ack(event);

    (void)user;
    if (ack != NULL && yodel_sio_emit_ack(target, "name?", NULL, got_answer, ack) < 0)
        yodel_decision_unref(ack);
}
/* card end */

int demo_add_question(struct demo *demo)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(demo->sio, "/ask", &ns);

    if (rc >= 0)
        rc = yodel_sio_namespace_on(ns, "add", on_add, NULL);
    if (rc >= 0)
        rc = yodel_sio_namespace_on(ns, "never", on_never, NULL);
    if (rc >= 0)
        rc = yodel_sio_namespace_on(ns, "ask_me", on_ask_me, NULL);
    return rc;
}
