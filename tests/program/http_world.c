/* SPDX-License-Identifier: MIT */
#include "http_world.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 60000

extern char **environ;

struct world world;

/* ---- the back end ---- */

static struct {
    pid_t pid;
    FILE *input; /* it serves until this ends */
    int port, refused, full, tls;
    char path[108], cert[256];
} back_end;

static char *text_of_url(void)
{
    static char texts[8][512];
    static unsigned next;

    return texts[next++ % 8];
}

const char *world_url(const char *path)
{
    char *text = text_of_url();

    snprintf(text, 512, "http://127.0.0.1:%d%s", back_end.port, path);
    return text;
}

const char *world_unix_url(const char *path)
{
    char *text = text_of_url();

    snprintf(text, 512, "unix:%s:%s", back_end.path, path);
    return text;
}

const char *world_refused_url(const char *path)
{
    char *text = text_of_url();

    snprintf(text, 512, "http://127.0.0.1:%d%s", back_end.refused, path);
    return text;
}

const char *world_full_url(const char *path)
{
    char *text = text_of_url();

    snprintf(text, 512, "http://127.0.0.1:%d%s", back_end.full, path);
    return text;
}

const char *world_tls_url(const char *host, const char *path)
{
    char *text = text_of_url();

    snprintf(text, 512, "https://%s:%d%s", host, back_end.tls, path);
    return text;
}

const char *world_cert(void)
{
    return back_end.cert;
}

const char *world_named_url(const char *host, const char *path)
{
    char *text = text_of_url();

    snprintf(text, 512, "http://%s:%d%s", host, back_end.port, path);
    return text;
}

/* ---- calls ---- */

void world_note_wrong(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not %s\n", file, line, what);
    world.num_wrong++;
}

static void on_reply(const struct yg_http_reply *reply, void *user)
{
    struct world_got *got = user;
    const size_t room = sizeof(got->body) - 1;
    const size_t len = reply->body.len < room ? reply->body.len : room;
    const char *type;

    CHECK(got->result == 1);
    CHECK((reply->result == 0) == (*reply->error == '\0'));
    got->result = reply->result;
    got->call = NULL;
    got->status = reply->status;
    snprintf(got->error, sizeof(got->error), "%s", reply->error);
    if (len > 0)
        memcpy(got->body, reply->body.ptr, len);
    got->body[len] = '\0';
    got->body_len = reply->body.len;
    if ((type = yg_http_reply_header(reply, "content-type", 0)) != NULL)
        snprintf(got->type, sizeof(got->type), "%s", type);
    CHECK(yg_http_reply_header(reply, "content-type", 1) == NULL);
    got->is_json = reply->is_json;
    got->retry_after_ms = reply->retry_after_ms;
    got->max_age_s = reply->max_age_s;
    world.num_replies++;
    if (world.on_reply != NULL)
        world.on_reply((unsigned)(got - world.got));
    if (world.num_replies == world.expected)
        yodel_server_stop(world.server, 0);
}

int world_post(unsigned n, const char *url, yodel_str body, uint32_t timeout_ms)
{
    static const char *const headers[] = {"webhook-id: msg_1", "X-Empty: ", "X-Set:  two words",
                                          NULL};
    const struct yg_http_request request = {.url = url,
                                            .is_get = world.is_get,
                                            .headers = headers,
                                            .body = body,
                                            .timeout_ms = timeout_ms,
                                            .connect_timeout_ms = timeout_ms};
    const unsigned before = world.num_replies;
    int rc;

    world.got[n] = (struct world_got){.result = 1};
    rc = yg_http_client_send(world.client, &request, on_reply, &world.got[n], &world.got[n].call);
    CHECK(world.num_replies == before);
    return rc;
}

/* ---- the server ---- */

static void on_limit(yodel_timer *timer, void *user)
{
    CHECK(!"in time");
    yodel_server_stop(world.server, 0);
}

struct run {
    const struct yg_http_client_options *options;
    void (*begin)(void);
    yodel_timer limit;
};

static int on_start(yodel_loop *loop, void *user)
{
    struct run *run = user;

    world.loop = loop;
    yodel_timer_init(&run->limit, loop, on_limit, NULL);
    (void)yodel_timer_start(&run->limit, LIMIT_MS);
    world.started = yg_http_client_new(loop, run->options, &world.client);
    if (world.started == 0)
        run->begin();
    return world.started;
}

static void on_end(yodel_loop *loop, void *user)
{
    yg_http_client_free(world.client);
    world.client = NULL;
}

static unsigned num_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned num = 0;

    while (readdir(dir) != NULL)
        num++;
    closedir(dir);
    return num;
}

bool world_can_run(void)
{
    yodel_server *server;
    const int rc = yodel_server_new(NULL, &server);

    if (rc == 0)
        yodel_server_unref(server);
    return rc != YODEL_ERR_UNSUPPORTED;
}

static unsigned fds_before;
static bool is_warm; /* libuv keeps what it opens for its first loop */

void world_run_only(const struct yg_http_client_options *options, void (*begin)(void))
{
    struct run run = {.options = options, .begin = begin};

    fds_before = num_fds();
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &world.server), 0);
    assert_int_equal(yodel_server_add_loop_handlers(
                         world.server,
                         YODEL_OPTIONS(yodel_loop_handlers, .on_start = on_start, .on_end = on_end),
                         &run),
                     0);
    (void)yodel_server_run(world.server);
    yodel_server_unref(world.server);
    assert_null(world.client);
    assert_int_equal(world.num_wrong, 0);
}

void world_check_closed(void)
{
    /* A name that was given up is still being looked up, perhaps. */
    for (unsigned i = 0; is_warm && num_fds() != fds_before && i < 3000; i++)
        usleep(10000);
    if (is_warm)
        assert_int_equal(num_fds(), fds_before);
    is_warm = true;
}

void world_run(const struct yg_http_client_options *options, void (*begin)(void))
{
    world_run_only(options, begin);
    world_check_closed();
}

/* ---- setup ---- */

static void stop(void)
{
    yodel_server_stop(world.server, 0);
}

int world_open(void **state)
{
    char *words[] = {(char *)PYTHON3, (char *)HOSTILE_BACKEND, NULL};
    posix_spawn_file_actions_t actions;
    int in[2], out[2];
    FILE *output;

    signal(SIGPIPE, SIG_IGN);
    setenv("http_proxy", "http://127.0.0.1:1/", 1); /* not to be used */
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    if (pipe(in) < 0 || pipe(out) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    if (posix_spawn(&back_end.pid, PYTHON3, &actions, NULL, words, environ) != 0)
        return -1;
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    back_end.input = fdopen(in[1], "w");
    output = fdopen(out[0], "r");
    if (fscanf(output, "%d %d %d %d %107s %255s", &back_end.port, &back_end.refused, &back_end.full,
               &back_end.tls, back_end.path, back_end.cert) != 6)
        return -1;
    world_run(&(struct yg_http_client_options){.in_flight = 1}, stop);
    return fclose(output);
}

int world_close(void **state)
{
    int status;

    fclose(back_end.input);
    return waitpid(back_end.pid, &status, 0) == back_end.pid && status == 0 ? 0 : -1;
}
