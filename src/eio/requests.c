/* SPDX-License-Identifier: MIT */
#include "eio/requests.h"

#include <errno.h>

#include "base/mem.h"
#include "eio/eio_answer.h"
#include "eio/eio_check.h"
#include "eio/polling.h"
#include "http/relay.h"

/* What comes in by HTTP, and whether it may. */

static bool has_method(const yodel_request *req, const char *method)
{
    return yodel_str_eq(yodel_request_method(req), yodel_str_of(method));
}

/* ---- new sessions ---- */

static int answer_open_packet(struct yd_eio_session *session, yodel_request *req)
{
    struct yd_buf text = {0};
    int rc = yd_eio_put_open_packet(session, &text);

    if (rc == 0)
        rc = yd_eio_answer_payload(session->home, req, (yodel_bytes){text.ptr, text.len}, true,
                                   yd_eio_id(session));
    yd_buf_free(yd_eio_mem(session), &text);
    return rc;
}

static int new_polling(struct yd_eio_loop *home, yodel_request *req,
                       struct yd_eio_session **ret_session)
{
    struct yd_eio_session *session;
    int rc;

    if ((rc = yd_eio_session_new(home, req, YD_EIO_POLLING, &session)) < 0)
        return rc;
    if ((rc = yd_eio_poll_new(session)) < 0)
        yd_eio_session_discard(session);
    else
        *ret_session = session;
    return rc;
}

static void open_polling(struct yd_eio_loop *home, yodel_request *req)
{
    struct yd_eio_session *session;
    int rc = new_polling(home, req, &session);

    if (rc == 0 && (rc = yd_eio_session_open(session)) == 0 &&
        (rc = answer_open_packet(session, req)) < 0)
        yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    if (rc < 0)
        yd_eio_refuse(home->eio, req, false, YD_EIO_BUSY);
}

/* The version is looked at after the hook, as the reference does. */
static void open_session(struct yd_eio_loop *home, yodel_request *req, bool upgrade)
{
    struct yd_eio_ask ask;

    yd_eio_read_ask(req, &ask);
    if (yd_eio_is_stopping(home) || yd_eio_is_closed(home->eio))
        yd_eio_refuse(home->eio, req, upgrade, YD_EIO_BUSY);
    else if (!ask.v4)
        yd_eio_refuse(home->eio, req, upgrade, YD_EIO_BAD_VERSION);
    else if (upgrade)
        yd_ws_on_upgrade(req, home->eio->route);
    else
        open_polling(home, req);
}

/* ---- the hook ---- */

static void decided(struct yd_eio_loop *home, yodel_request *req, bool upgrade, int result)
{
    if (result == 0)
        open_session(home, req, upgrade);
    else if (yd_status_refuses(result))
        yd_eio_refuse_with(home->eio, req, upgrade, YD_EIO_FORBIDDEN, result);
    else
        yd_eio_refuse(home->eio, req, upgrade, YD_EIO_FORBIDDEN);
}

static void refuse_late_poll(yodel_request *req, void *user)
{
    decided(yd_eio_home(user, req), req, false, -ETIMEDOUT);
}

static void refuse_late_upgrade(yodel_request *req, void *user)
{
    decided(yd_eio_home(user, req), req, true, -ETIMEDOUT);
}

static const struct yd_hold deferred_poll = {.late = refuse_late_poll};
static const struct yd_hold deferred_upgrade = {.late = refuse_late_upgrade};

/* The verdict comes as the request's mark; NULL: there is none. */
static void resume(yodel_request *req, struct yd_eio_loop *home, bool upgrade)
{
    const struct yd_verdict *verdict = yd_request_mark(req);

    yd_request_set_mark(req, NULL);
    if (verdict == NULL)
        decided(home, req, upgrade, -ECANCELED);
    else if (verdict->verb == YD_ACCEPT)
        decided(home, req, upgrade, 0);
    else if (verdict->verb == YD_REFUSE)
        yd_eio_refuse_because(home->eio, req, upgrade, verdict->message);
    else
        (void)yodel_request_respond(req, verdict->response);
}

static void resume_poll(yodel_request *req, void *user)
{
    resume(req, yd_eio_home(user, req), false);
}

static void resume_upgrade(yodel_request *req, void *user)
{
    resume(req, yd_eio_home(user, req), true);
}

static void resume_with(yodel_decision *d, const struct yd_verdict *verdict, yodel_http_fn *fn)
{
    yodel_request *req = yd_decision_subject(d);

    (void)yd_request_take_decision(req);
    yd_request_set_mark(req, (void *)verdict);
    yd_request_resume(req, fn, yd_request_holder(req));
}

static int apply_poll(yodel_decision *d, const struct yd_verdict *verdict)
{
    resume_with(d, verdict, resume_poll);
    return 0;
}

static int apply_upgrade(yodel_decision *d, const struct yd_verdict *verdict)
{
    resume_with(d, verdict, resume_upgrade);
    return 0;
}

static void drop_poll(yodel_decision *d)
{
    resume_with(d, NULL, resume_poll);
}

static void drop_upgrade(yodel_decision *d)
{
    resume_with(d, NULL, resume_upgrade);
}

static int check_verdict(const struct yd_verdict *verdict)
{
    if (verdict->verb == YD_ACCEPT && verdict->accept != NULL)
        return -EINVAL;
    return yd_verdict_check_response(verdict);
}

/* A session begins in a task: its handlers are not called inside the verb. */
static const struct yd_decision_ops poll_ops = {
    .verbs = YD_ACCEPT | YD_REJECT | YD_REFUSE,
    .later = true,
    .check = check_verdict,
    .apply = apply_poll,
    .drop = drop_poll,
};
static const struct yd_decision_ops upgrade_ops = {
    .verbs = YD_ACCEPT | YD_REJECT | YD_REFUSE,
    .later = true,
    .check = check_verdict,
    .apply = apply_upgrade,
    .drop = drop_upgrade,
};

/* What the hook has returned counts, unless it, or another thread, has decided already. */
static void ask_hook(struct yd_eio_loop *home, yodel_request *req, bool upgrade)
{
    const struct yd_eio_options *options = &home->eio->options;
    int result = 0;

    if (options->allow_request != NULL) {
        yd_request_set_deferral(req, upgrade ? &upgrade_ops : &poll_ops, req);
        result = options->allow_request(req, options->hooks_user);
    }
    if ((result == YODEL_DEFER && yd_request_is_deferred(req)) || yd_request_take_decision(req) < 0)
        (void)yd_request_hold(req, upgrade ? &deferred_upgrade : &deferred_poll, home->eio,
                              yd_request_http(req)->options.decide_ms);
    else
        decided(home, req, upgrade, result);
}

/* ---- ahead of bodies: a session knows of the POST that is on the way ---- */

static struct yd_eio_session *unmark(yodel_request *req)
{
    struct yd_eio_session *session = yd_request_mark(req);

    if (session != NULL)
        yd_eio_poll_forget_post(session->poll);
    return session;
}

void yd_eio_begin_body(yodel_request *req, void *user)
{
    struct yd_eio *eio = user;
    struct yd_eio_loop *home = yd_eio_home(eio, req);
    enum yd_eio_error error;
    struct yd_eio_ask ask;

    if (yd_eio_is_stopping(home) || !has_method(req, "POST"))
        return;
    error = yd_eio_check(home, req, false, &ask);
    if (error == YD_EIO_BUSY)
        yd_eio_refuse(eio, req, false, error);
    else if (error == YD_EIO_OK && ask.session != NULL)
        yd_eio_poll_expect_post(ask.session, req);
}

void yd_eio_refuse_body(yodel_request *req, void *user)
{
    (void)unmark(req);
    yd_eio_answer_empty(user, req, 413);
}

void yd_eio_lose_body(yodel_request *req, void *user)
{
    struct yd_eio_session *session = unmark(req);

    (void)user;
    if (session != NULL)
        yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
}

/* ---- sessions of other nodes ---- */

static void give_to_node(struct yd_eio *eio, yodel_request *req, struct yd_eio_home home)
{
    yd_eio_far_of(eio)->carry(yd_eio_far_of(eio), eio, req, home);
}

static const struct yd_hold refused = {.gone = NULL};

/* So long to an answer that there was no memory for, ms. */
#define REFUSED_MS 1000

void yd_eio_refuse_far(struct yd_eio *eio, yodel_request *req, bool unknown)
{
    (void)yd_request_hold(req, &refused, NULL, REFUSED_MS);
    yd_eio_refuse(eio, req, yd_request_is_upgrade(req),
                  unknown ? YD_EIO_SESSION_UNKNOWN : YD_EIO_BUSY);
}

/* A node that stops opens no session, and has none; others still have theirs. */
static bool may_ask(struct yd_eio_loop *home, yodel_request *req)
{
    struct yd_eio_home there;

    return !yd_eio_is_stopping(home) ||
           yd_eio_is_far(home->eio, req, yodel_request_query_param(req, "sid"), &there);
}

/* ---- requests ---- */

/* The session that was found ahead of the request's body, and is still there: nothing of what was
 * asked then has changed.  NULL: there was none, or it has gone. */
static struct yd_eio_session *expecting(struct yd_eio_loop *home, yodel_request *req)
{
    struct yd_eio_session *session = unmark(req);

    if (session == NULL || yd_eio_is_stopping(home))
        return NULL;
    yd_eio_catch_up(session);
    return !yd_eio_has_ended(session) && yd_eio_transport(session) == YD_EIO_POLLING ? session
                                                                                     : NULL;
}

/* A file of the client bundle is asked for. */
static bool is_served(struct yd_eio *eio, yodel_request *req)
{
    yodel_str rest = yodel_request_param(req, "rest");

    if (eio->options.serve == NULL || rest.len == 0)
        return false;
    return (has_method(req, "GET") || has_method(req, "HEAD")) &&
           eio->options.serve(req, rest, eio->user);
}

/* True preflights are answered by http, which adds the rest of the headers to this one, too. */
static void answer_options(struct yd_eio *eio, yodel_request *req)
{
    yodel_header headers[3] = {{"Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE"}};
    size_t num = 1;

    if (eio->cors_methods != NULL)
        headers[0].value = eio->cors_methods;
    if (eio->cors_headers != NULL)
        headers[num++] = (yodel_header){"Access-Control-Allow-Headers", eio->cors_headers};
    if (eio->cors_max_age[0] != '\0' &&
        yodel_request_header(req, "Access-Control-Request-Method").ptr == NULL)
        headers[num++] = (yodel_header){"Access-Control-Max-Age", eio->cors_max_age};
    (void)yodel_request_respond(
        req, YODEL_OPTIONS(yodel_response, .status = 204, .headers = headers, .num_headers = num));
}

static void give_to_session(struct yd_eio *eio, struct yd_eio_session *session, yodel_request *req)
{
    if (has_method(req, "GET"))
        yd_eio_on_get(session, req);
    else if (has_method(req, "POST"))
        yd_eio_on_post(session, req);
    else
        yd_eio_answer_empty(eio, req, 500);
}

void yd_eio_on_request(yodel_request *req, void *user)
{
    struct yd_eio *eio = user;
    struct yd_eio_loop *home = yd_eio_home(eio, req);
    enum yd_eio_error error = YD_EIO_BUSY;
    struct yd_eio_session *session = expecting(home, req);
    struct yd_eio_ask ask;

    if (session != NULL) {
        yd_eio_on_post(session, req);
        return;
    }
    if (is_served(eio, req))
        return;
    if (eio->has_cors && has_method(req, "OPTIONS")) {
        answer_options(eio, req);
        return;
    }
    if (may_ask(home, req))
        error = yd_eio_check(home, req, false, &ask);
    if (error == YD_EIO_FAR)
        give_to_node(eio, req, ask.far);
    else if (error != YD_EIO_OK)
        yd_eio_refuse(eio, req, false, error);
    else if (ask.session != NULL)
        give_to_session(eio, ask.session, req);
    else
        ask_hook(home, req, false);
}

void yd_eio_on_upgrade(yodel_request *req, void *user)
{
    struct yd_eio *eio = user;
    struct yd_eio_loop *home = yd_eio_home(eio, req);
    enum yd_eio_error error = YD_EIO_BUSY;
    struct yd_eio_ask ask;

    if (may_ask(home, req))
        error = yd_eio_check(home, req, true, &ask);
    if (error == YD_EIO_FAR)
        give_to_node(eio, req, ask.far);
    else if (error != YD_EIO_OK)
        yd_eio_refuse(eio, req, true, error);
    else if (ask.session != NULL || !yodel_str_eq(ask.transport, YODEL_STR("websocket")))
        yd_ws_on_upgrade(req, eio->route);
    else
        ask_hook(home, req, true);
}
