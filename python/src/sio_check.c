/* SPDX-License-Identifier: MIT */
#include "sio_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "request_head.h"

#define FORBIDDEN 403

struct yp_check {
    struct yp_work work;
    yodel_decision *decision;
    struct yp_head *head;
};

/* ---- origins ---- */

static bool is_same(yodel_str origin, const char *text)
{
    return origin.len == strlen(text) && strncasecmp(origin.ptr, text, origin.len) == 0;
}

/* The page is of this very server: its scheme, host and port. */
static bool is_of_this_host(yodel_request *req, yodel_str origin)
{
    yodel_str scheme = yodel_request_scheme(req), host = yodel_request_host(req);
    const char *usual = yodel_request_is_tls(req) ? ":443" : ":80";
    size_t usual_len = strlen(usual);
    char own[600];

    if (host.len > usual_len && strncmp(host.ptr + host.len - usual_len, usual, usual_len) == 0)
        host.len -= usual_len;
    (void)snprintf(own, sizeof own, "%" YODEL_PRI "://%" YODEL_PRI, YODEL_ARG(scheme),
                   YODEL_ARG(host));
    return is_same(origin, own);
}

static bool is_allowed(const struct yp_sio *self, yodel_request *req, yodel_str origin)
{
    for (char **one = self->origins; *one != NULL; one++)
        if (strcmp(*one, "*") == 0 || is_same(origin, *one) ||
            (strcmp(*one, YODEL_ORIGIN_SAME_HOST) == 0 && is_of_this_host(req, origin)))
            return true;
    return false;
}

/* What is no page of a browser tells no origin, and is let in, as in python-engineio. */
int yp_check_origin(yodel_request *req, void *user)
{
    const struct yp_sio *self = user;
    yodel_str origin = yodel_request_header(req, "Origin");

    if (self->origins == NULL || origin.ptr == NULL || is_allowed(self, req, origin))
        return 0;
    return FORBIDDEN;
}

/* ---- the program ---- */

static int ask(struct yp_sio *self, yodel_request *req)
{
    struct yp_check *check = calloc(1, sizeof *check);

    if (check == NULL)
        return -ENOMEM;
    check->work.kind = YP_CHECK;
    check->head = yp_head_new(req);
    check->decision = check->head != NULL ? yodel_request_defer(req) : NULL;
    if (check->decision == NULL) {
        yp_check_free(check);
        return -ENOMEM;
    }
    check->work.item.bytes = sizeof *check + check->head->size;
    if (yp_queue_push_loose(&self->service.queue, &check->work.item, false) < 0)
        yp_check_free(check); /* which drops the decision: it is refused */
    return YODEL_DEFER;
}

int yp_check_ask(yodel_request *req, void *user)
{
    int rc = yp_check_origin(req, user);

    return rc == 0 ? ask(user, req) : rc;
}

PyObject *yp_check_tuple(struct yp_sio *self, struct yp_check *check)
{
    PyObject *env = yp_head_to_environ(self, check->head, Py_None);

    return env != NULL ? Py_BuildValue("(iN)", YP_CHECK, env) : NULL;
}

PyObject *yp_check_decide(struct yp_check *check, bool allow, const char *message)
{
    if (allow)
        (void)yodel_decision_accept(check->decision, NULL);
    else
        (void)yodel_decision_refuse(check->decision, message, NULL);
    Py_RETURN_NONE;
}

void yp_check_free(struct yp_check *check)
{
    yodel_decision_unref(check->decision);
    free(check->head);
    free(check);
}
