/* SPDX-License-Identifier: MIT */
#include "eio/requests.h"

#include <errno.h>

#include "base/mem.h"
#include "eio/eio_answer.h"
#include "eio/eio_check.h"
#include "eio/polling.h"

/* What comes in by HTTP, and whether it may. */

/* Time to decide on a session that was deferred, ms. */
#define DECIDE_MS 10000

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

    if ((rc = yd_eio_session_new(home, req, &yd_eio_polling, &session)) < 0)
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
    if (yd_eio_is_stopping(home))
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

/* The name is renewed for each call of the hook, so that a late decision hits no other request. */
static void ask_hook(struct yd_eio_loop *home, yodel_request *req, bool upgrade)
{
    const struct yd_eio_options *options = &home->eio->options;
    int result = 0;

    if (options->allow_request != NULL) {
        (void)yd_conn_renew_id(yd_request_conn(req));
        result = options->allow_request(req, options->hooks_user);
    }
    if (result == YODEL_DEFER)
        (void)yd_request_hold(req, upgrade ? &deferred_upgrade : &deferred_poll, home->eio,
                              DECIDE_MS);
    else
        decided(home, req, upgrade, result);
}

uint64_t yd_eio_request_id(const yodel_request *req)
{
    return yd_conn_id(yd_request_conn(req));
}

struct yd_loop *yd_eio_request_loop(const struct yd_eio *eio, uint64_t request_id)
{
    unsigned index = yd_id_loop(request_id);

    return request_id != 0 && index < eio->num_loops ? eio->loops[index].loop : NULL;
}

/* The result comes as the request's mark. */
static int take_result(yodel_request *req)
{
    const int *result = yd_request_mark(req);

    yd_request_set_mark(req, NULL);
    return *result;
}

static void resume_poll(yodel_request *req, void *user)
{
    decided(yd_eio_home(user, req), req, false, take_result(req));
}

static void resume_upgrade(yodel_request *req, void *user)
{
    decided(yd_eio_home(user, req), req, true, take_result(req));
}

int yd_eio_decide(struct yd_eio *eio, struct yd_loop *loop, uint64_t request_id, int result)
{
    yodel_request *poll = yd_request_held(loop->net, request_id, &deferred_poll);
    yodel_request *upgrade = yd_request_held(loop->net, request_id, &deferred_upgrade);

    if (poll == NULL && upgrade == NULL)
        return YODEL_ERR_NOT_FOUND;
    yd_request_set_mark(poll != NULL ? poll : upgrade, &result);
    if (poll != NULL)
        yd_request_resume(poll, resume_poll, eio);
    else
        yd_request_resume(upgrade, resume_upgrade, eio);
    return 0;
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

/* ---- requests ---- */

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
    struct yd_eio_ask ask;

    (void)unmark(req);
    if (is_served(eio, req))
        return;
    if (eio->has_cors && has_method(req, "OPTIONS")) {
        answer_options(eio, req);
        return;
    }
    if (!yd_eio_is_stopping(home))
        error = yd_eio_check(home, req, false, &ask);
    if (error != YD_EIO_OK)
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

    if (!yd_eio_is_stopping(home))
        error = yd_eio_check(home, req, true, &ask);
    if (error != YD_EIO_OK)
        yd_eio_refuse(eio, req, true, error);
    else if (ask.session != NULL || !yodel_str_eq(ask.transport, YODEL_STR("websocket")))
        yd_ws_on_upgrade(req, eio->route);
    else
        ask_hook(home, req, true);
}
