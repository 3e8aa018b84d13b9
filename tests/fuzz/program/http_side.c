/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <yodel/http_files.h>
#include <yodel/json.h>

#include "program.h"

/* HTTP routes, and what handlers keep to decide it later. */

static void each_header(yodel_str name, yodel_str value, void *user)
{
    (void)name;
    (void)value;
    act(user, NULL, NULL);
}

/* In one of the ways there are; by the step, so that programs of before mean what they meant. */
static void reply(struct program *p, yodel_request *req)
{
    json_t *json;

    switch (p->step % 5) {
    case 0:
        if ((json = json_pack("{s:i}", "a", 1)) == NULL)
            abort();
        (void)yodel_request_reply_json(req, 200, json);
        json_decref(json);
        break;
    case 1:
        (void)yodel_request_reply_pack(req, 200, "{s:i}", "a", 1);
        break;
    case 2:
        (void)yodel_request_reply(req, 200, NULL, (yodel_bytes){(const uint8_t *)"here", 4});
        break;
    case 3:
        (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = 200));
        break;
    default:
        (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("here you are"));
    }
}

static void answer(yodel_request *req, void *user)
{
    struct program *p = user;

    say(p, "request %" YODEL_PRI, YODEL_ARG(yodel_request_path(req)));
    act(p, NULL, NULL);
    look_at_request(p, req);
    if (once_in(p, 8))
        yodel_request_each_header(req, each_header, p);
    if (yodel_request_http_minor(req) < 0)
        broken(p, "a request without a version");
    if (!once_in(p, 16))
        reply(p, req);
    if (yodel_request_early_hints(req, NULL, 1) >= 0)
        broken(p, "hints that cannot be");
    act(p, NULL, NULL);
}

static void defer(yodel_request *req, void *user)
{
    struct program *p = user;

    say(p, "request deferred");
    for (unsigned i = pick(p, 3); i < 3; i++)
        (void)decision_keep(p, yodel_request_defer(req), "a request", NULL, true);
    act(p, NULL, NULL);
}

/* ---- files ---- */

static char directory[] = "/tmp/yodel-program-XXXXXX", file_name[sizeof directory + 8];

static void remove_files(void)
{
    (void)unlink(file_name);
    (void)rmdir(directory);
}

/* A directory of this process with one file, made once. */
static void make_files(void)
{
    FILE *file;

    if (file_name[0] != '\0')
        return;
    if (mkdtemp(directory) == NULL)
        abort();
    (void)snprintf(file_name, sizeof file_name, "%s/a.txt", directory);
    if ((file = fopen(file_name, "w")) == NULL || fputs("a file", file) < 0 || fclose(file) != 0 ||
        atexit(remove_files) != 0)
        abort();
}

static void add_files(struct program *p)
{
    static const yodel_header headers[] = {{"X-Of", "a file"}, {"Cache-Control", "no-store"}};

    make_files();
    if (yodel_server_static(
            p->server, "/files", directory,
            YODEL_OPTIONS(yodel_static_options, .headers = headers, .num_headers = 2)) < 0)
        abort();
}

void http_side_set_up(struct program *p)
{
    static const char *const origins[] = {"https://a", NULL};

    add_files(p);
    if (p->size % 5 == 0 &&
        yodel_server_cors(p->server, "/now",
                          YODEL_OPTIONS(yodel_cors_options, .origins = origins)) < 0)
        abort();
    if (yodel_server_route(p->server, "/now", answer, p) < 0 ||
        yodel_server_route(p->server, "/later", defer, p) < 0)
        abort();
    uploads_set_up(p);
}

/* ---- kept ---- */

static void use(struct program *p, struct kept *kept)
{
    bool nicely = !once_in(p, 3);

    if (kept->kind == KEPT_DECISION) {
        decision_use(p, kept->thing);
    } else if (kept->kind == KEPT_NAMESPACE) {
        if (nicely && !p->over)
            emit_to_kept(p, kept);
        say(p, "give back %s", program_names[kept->name]);
        (void)yodel_sio_namespace_unref(kept->thing);
    }
}

/* The oldest must go when there are too many. */
void keep(struct program *p, struct kept kept)
{
    if (p->num_kept == MAX_KEPT)
        use_kept(p);
    p->kept[p->num_kept++] = kept;
}

void use_kept(struct program *p)
{
    unsigned i;
    struct kept kept;

    if (p->num_kept == 0)
        return;
    i = pick(p, p->num_kept);
    kept = p->kept[i];
    p->kept[i] = p->kept[--p->num_kept];
    use(p, &kept);
}

void drop_all_kept(struct program *p)
{
    while (p->num_kept > 0)
        use_kept(p);
}
