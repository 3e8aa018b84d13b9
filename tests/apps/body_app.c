/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>
#include <yodel/http_body.h>

#include "apps.h"

/* Uploads that are read in parts, and what the program hears of their clients. */

/* On one loop, so it needs no lock. */
struct uploads {
    int begun, gone;          /* decisions whose client left */
    int whole, closed, other; /* results of on_end */
    int parts_after_pause;
    yodel_decision *later[16];
    int num_later;
};

struct upload {
    struct uploads *all;
    long long bytes;
    int refuses_at, fails_at, pauses, waits, paused; /* bytes; 1 */
};

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    struct upload *upload = user;

    upload->all->parts_after_pause += upload->paused;
    upload->bytes += (long long)data.len;
    if (upload->refuses_at != 0 && upload->bytes >= upload->refuses_at)
        (void)yodel_request_reply_text(req, 413, NULL, YODEL_STR("too much for the handler\n"));
    if (upload->pauses && yodel_request_body_pause(req) == 0)
        upload->paused = 1;
    return upload->fails_at != 0 && upload->bytes >= upload->fails_at ? -1 : 0;
}

static void on_gone(yodel_decision *d, void *user)
{
    (void)d;
    ((struct uploads *)user)->gone++;
}

/* The answer is due much later than the test looks. */
static void wait_for_ever(yodel_request *req, struct uploads *all)
{
    yodel_decision *d = all->num_later < 16 ? yodel_request_defer(req) : NULL;

    if (d == NULL)
        return;
    all->later[all->num_later++] = d;
    (void)yodel_decision_on_gone(d, on_gone, all);
}

static void on_end(yodel_request *req, int result, void *user)
{
    struct upload *upload = user;

    upload->all->whole += result == 0;
    upload->all->closed += result == YODEL_ERR_CLOSED;
    upload->all->other += result != 0 && result != YODEL_ERR_CLOSED;
    if (result == 0 && upload->waits)
        wait_for_ever(req, upload->all);
    else if (result == 0)
        (void)yodel_request_reply_pack(req, 200, "{s:I}", "bytes", upload->bytes);
    free(upload);
}

static int number(yodel_request *req, const char *name)
{
    yodel_str text = yodel_request_query_param(req, name);

    return text.len > 0 ? (int)strtol(text.ptr, NULL, 10) : 0;
}

/* /upload?refuse=N&fail=N&pause=1&wait=1 */
static void on_upload(yodel_request *req, void *user)
{
    struct uploads *all = user;
    struct upload *upload = calloc(1, sizeof *upload);

    if (upload == NULL)
        return;
    all->begun++;
    upload->all = all;
    upload->refuses_at = number(req, "refuse");
    upload->fails_at = number(req, "fail");
    upload->pauses = number(req, "pause");
    upload->waits = number(req, "wait");
    if (yodel_request_body_read(req,
                                YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
                                              .on_end = on_end, .max_body = UINT64_MAX),
                                upload) < 0)
        free(upload);
}

static void on_refuse(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 401, NULL, YODEL_STR("who are you?\n"));
}

static void on_state(yodel_request *req, void *user)
{
    const struct uploads *all = user;

    (void)yodel_request_reply_pack(req, 200, "{s:i,s:i,s:i,s:i,s:i,s:i}", "begun", all->begun,
                                   "whole", all->whole, "closed", all->closed, "other", all->other,
                                   "gone", all->gone, "after_pause", all->parts_after_pause);
}

static int start(struct app *app)
{
    static const yodel_route_options upload = {
        .size = sizeof upload, .on_request = on_upload, .stream_body = 1};
    static const yodel_route_options refuse = {
        .size = sizeof refuse, .on_request = on_refuse, .stream_body = 1};
    struct uploads *all = app->state = calloc(1, sizeof *all);
    int rc;

    if (all == NULL || (rc = yodel_server_route_with(app->server, "/upload", &upload, all)) < 0 ||
        (rc = yodel_server_route_with(app->server, "/refuse", &refuse, all)) < 0)
        return all == NULL ? -1 : rc;
    return yodel_server_route(app->server, "/state", on_state, all);
}

static void done(struct app *app)
{
    struct uploads *all = app->state;

    for (int i = 0; all != NULL && i < all->num_later; i++)
        (void)yodel_decision_unref(all->later[i]);
    free(all);
}

const struct app_kind app_body = {
    .name = "body-app", .help = "uploads in parts", .start = start, .done = done};
