/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"

/*
 * A stream: a command a line in the body, a result a line in the answer, one at a time.  While one
 * is under way, or the client does not take results, the body is paused: what waits is one result,
 * one line, and one read buffer.
 */
struct ndjson {
    struct yg_open open;
    struct yg_api *api;
    yodel_loop *loop;
    yodel_request *req;   /* NULL: the body has ended */
    yodel_stream *stream; /* NULL: the answer has ended */
    struct yg_order order;
    struct yg_text in;  /* what came and was not looked at, from `at` on */
    size_t at, scanned; /* up to scanned there is no end of a line */
    struct yg_text out; /* a result that could not be written yet */
    char *id;           /* of the command under way */
    bool is_busy;       /* a command is under way */
    bool is_running;    /* pump() is on the stack */
    bool is_ending;     /* no more lines are read */
    bool is_paused;
};

/* Only when both halves are over. */
static void free_if_over(struct ndjson *nd)
{
    if (nd->req != NULL || nd->stream != NULL || nd->is_running)
        return;
    yg_order_drop(&nd->order);
    yg_open_unlink(&nd->open);
    yg_text_done(&nd->in);
    yg_text_done(&nd->out);
    free(nd->id);
    free(nd);
}

/* ---- results ---- */

/* Returns whether there is room for more. */
static bool flush(struct ndjson *nd)
{
    int rc;

    if (nd->out.len == 0 || nd->stream == NULL)
        return nd->out.len == 0;
    rc = yodel_stream_write_text(nd->stream, (yodel_str){nd->out.ptr, nd->out.len});
    if (rc == YODEL_ERR_CONGESTED)
        return false;
    if (rc < 0) {
        yodel_stream_abort(nd->stream);
        return false;
    }
    yg_text_reset(&nd->out);
    return true;
}

static void put_result(struct ndjson *nd, const struct yg_reply *reply)
{
    struct yg_text *out = &nd->out;

    yg_text_putc(out, '{');
    if (nd->id != NULL) {
        yg_text_puts(out, "\"id\":");
        yg_text_put_json(out, nd->id, strlen(nd->id));
        yg_text_putc(out, ',');
    }
    yg_text_puts(out, reply->is_replayed ? "\"replayed\":true," : "");
    yg_text_puts(out, reply->problem == YG_PROBLEM_NONE ? "\"ok\":" : "\"error\":");
    yg_text_add(out, reply->ptr, reply->len);
    yg_text_puts(out, "}\n");
}

static void pump(struct ndjson *nd);

static void on_reply(const struct yg_reply *reply, void *user)
{
    struct ndjson *nd = user;

    nd->is_busy = false;
    put_result(nd, reply);
    free(nd->id);
    nd->id = NULL;
    /* A result that is lost would make the next ones another's. */
    if (yg_text_failed(&nd->out) && nd->stream != NULL)
        yodel_stream_abort(nd->stream);
    pump(nd);
}

/* ---- lines ---- */

static void fail(struct ndjson *nd, enum yg_problem problem, const char *detail)
{
    yg_order_fail(&nd->order, &(struct yg_complaint){.problem = problem, .detail = detail});
}

static void run_json(struct ndjson *nd, const json_t *json)
{
    const char *id = json_string_value(json_object_get(json, "id"));
    struct yg_command *command = NULL;
    struct yg_json wrong;
    int rc;

    if (id != NULL && (nd->id = strdup(id)) == NULL) {
        fail(nd, YG_PROBLEM_OVERLOADED, "out of memory");
        return;
    }
    rc = yg_command_parse(json, "", false, &wrong, &command);
    if (rc == -EINVAL)
        yg_order_fail(&nd->order,
                      &(struct yg_complaint){wrong.problem, wrong.detail, wrong.pointer});
    else if (rc < 0)
        fail(nd, YG_PROBLEM_OVERLOADED, "out of memory");
    else
        yg_order_run(&nd->order, command, command->key);
}

static void run_line(struct ndjson *nd, const char *ptr, size_t len)
{
    char error[160];
    json_t *json = NULL;
    int rc;

    nd->is_busy = true;
    nd->order.verb = YG_VERB_STATS;
    rc = yg_json_parse(ptr, len, error, &json);
    if (rc == 0)
        run_json(nd, json);
    else
        fail(nd, rc == -ENOMEM ? YG_PROBLEM_OVERLOADED : YG_PROBLEM_BAD_REQUEST,
             rc == -ENOMEM ? "out of memory" : error);
    json_decref(json);
}

static bool is_blank(const char *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr(" \t\r", ptr[i]) == NULL)
            return false;
    }
    return true;
}

/* The next line that is not blank; of a body that has ended the rest is one.  false: there is none.
 */
static bool next_line(struct ndjson *nd, const char **ret_ptr, size_t *ret_len)
{
    while (nd->at < nd->in.len) {
        const char *from = nd->in.ptr + nd->at;
        const char *end = memchr(nd->in.ptr + nd->scanned, '\n', nd->in.len - nd->scanned);
        const size_t len = end != NULL ? (size_t)(end - from) : nd->in.len - nd->at;

        if (end == NULL && nd->req != NULL) {
            nd->scanned = nd->in.len;
            return false;
        }
        nd->at += len + (end != NULL);
        nd->scanned = nd->at;
        if (!is_blank(from, len)) {
            *ret_ptr = from;
            *ret_len = len;
            return true;
        }
    }
    return false;
}

/* Lines that were run give their room back. */
static void compact(struct ndjson *nd)
{
    if (nd->at == 0)
        return;
    memmove(nd->in.ptr, nd->in.ptr + nd->at, nd->in.len - nd->at);
    nd->in.len -= nd->at;
    nd->scanned -= nd->at;
    nd->at = 0;
}

/* ---- the two halves ---- */

static void set_paused(struct ndjson *nd, bool is_paused)
{
    if (nd->req == NULL || nd->is_paused == is_paused)
        return;
    nd->is_paused = is_paused;
    if (is_paused)
        yodel_request_body_pause(nd->req);
    else
        yodel_request_body_resume(nd->req);
}

static void end_answer(struct ndjson *nd)
{
    nd->is_ending = true;
    if (nd->stream == NULL || nd->out.len > 0)
        return;
    /* Nothing comes that could try it again. */
    if (yodel_stream_end(nd->stream) == -ENOMEM)
        yodel_stream_abort(nd->stream);
}

/* Runs lines as long as it can, and says what is to come then. */
static void pump(struct ndjson *nd)
{
    const char *line;
    size_t len;
    bool has_room;

    if (nd->is_running)
        return;
    nd->is_running = true;
    has_room = flush(nd);
    while (has_room && !nd->is_busy && !nd->is_ending && nd->stream != NULL &&
           next_line(nd, &line, &len)) {
        run_line(nd, line, len);
        has_room = flush(nd);
    }
    nd->is_running = false;
    compact(nd);
    if (nd->in.len > YG_API_MAX_LINE && !nd->is_busy && has_room && !nd->is_ending) {
        nd->is_ending = true;
        fail(nd, YG_PROBLEM_TOO_LARGE, "a line");
        return;
    }
    if (!nd->is_busy && has_room && (nd->is_ending || (nd->req == NULL && nd->in.len == 0)))
        end_answer(nd);
    set_paused(nd, nd->is_busy || !has_room);
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    struct ndjson *nd = user;

    (void)req;
    if (nd->is_ending || nd->stream == NULL)
        return 0;
    yg_text_add(&nd->in, (const char *)data.ptr, data.len);
    if (yg_text_failed(&nd->in))
        return -ENOMEM;
    pump(nd);
    return 0;
}

static void on_end(yodel_request *req, int result, void *user)
{
    struct ndjson *nd = user;

    (void)req;
    nd->req = NULL;
    /* Half a line of a client that has gone is no command. */
    if (result < 0)
        nd->is_ending = true;
    /* Lines were lost: that must not look as if there had been no more. */
    if (result == -ENOMEM && nd->stream != NULL)
        yodel_stream_abort(nd->stream);
    pump(nd);
    free_if_over(nd);
}

static void on_drain(yodel_stream *stream, void *user)
{
    (void)stream;
    pump(user);
}

static void on_stop(yodel_stream *stream, void *user)
{
    struct ndjson *nd = user;

    (void)stream;
    nd->is_ending = true;
    pump(nd);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    struct ndjson *nd = user;

    (void)stream, (void)reason;
    nd->stream = NULL;
    nd->is_ending = true;
    yg_order_drop(&nd->order);
    set_paused(nd, false);
    free_if_over(nd);
}

static void end_open(struct yg_open *open)
{
    struct ndjson *nd = (struct ndjson *)open;

    nd->req = NULL;
    nd->stream = NULL;
    free_if_over(nd);
}

static int begin_answer(struct ndjson *nd, yodel_request *req)
{
    const yodel_header no_store = {"Cache-Control", "no-store"};

    return yodel_request_stream_begin(
        req,
        YODEL_OPTIONS(yodel_stream_options, .content_type = "application/x-ndjson",
                      .headers = &no_store, .num_headers = 1, .on_drain = on_drain,
                      .on_stop = on_stop, .on_close = on_close, .user = nd),
        &nd->stream);
}

void yg_ndjson_begin(struct yg_api *api, yodel_request *req, struct yg_api_who who)
{
    struct ndjson *nd = calloc(1, sizeof(*nd));
    int rc = -ENOMEM;

    if (nd != NULL) {
        *nd = (struct ndjson){.open.end = end_open, .api = api, .loop = yodel_request_loop(req)};
        nd->order =
            (struct yg_order){.uncounted = true, /* a line has not to wait for other loops */
                              .api = api,
                              .loop = nd->loop,
                              .who = who,
                              .done = on_reply,
                              .user = nd};
        rc = yodel_request_body_read(req,
                                     YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
                                                   .on_end = on_end, .max_body = UINT64_MAX,
                                                   .body_ms = UINT32_MAX),
                                     nd);
    }
    if (rc < 0) {
        yg_api_held_unref(who.held);
        free(nd);
        yg_call_refuse(req, &(struct yg_complaint){.problem = YG_PROBLEM_OVERLOADED}, NULL, 0);
        return;
    }
    nd->req = req;
    yg_open_link(api, nd->loop, &nd->open);
    /* Without an answer on_end comes all the same, and frees it. */
    if (begin_answer(nd, req) < 0)
        yg_call_refuse(req, &(struct yg_complaint){.problem = YG_PROBLEM_OVERLOADED}, NULL, 0);
}
