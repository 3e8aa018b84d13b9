/* SPDX-License-Identifier: MIT */
/*
 * The page and what it talks to, from one program:
 *
 *     @app.route('/') return render_template('index.html')     yodel_server_static()
 *     def view(request): return JsonResponse(...)              a route and its handler
 *
 * Routes win over files, so /api/time is never looked for in the directory.
 *
 * Usage: static_site DIRECTORY [address]
 */
#include <stdio.h>
#include <time.h>
#include <yodel/yodel.h>

static void show_time(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_pack(req, 200, "{s:I}", "unix_time", (long long)time(NULL));
}

static void greet(yodel_request *req, void *user)
{
    yodel_str name = yodel_request_param(req, "name");

    (void)user;
    (void)yodel_request_reply_pack(req, 200, "{s:s%}", "hello", name.ptr, name.len);
}

static int set_up(yodel_server *server, const char *directory, const char *address)
{
    int rc = yodel_server_route(server, "GET /api/time", show_time, NULL);

    if (rc >= 0)
        rc = yodel_server_route(server, "GET /api/hello/{name}", greet, NULL);
    if (rc >= 0)
        rc = yodel_server_static(server, "/", directory, NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    return rc;
}

int main(int argc, char **argv)
{
    yodel_server *server = NULL;
    int rc;

    if (argc < 2) {
        fprintf(stderr, "usage: static_site DIRECTORY [address]\n");
        return 2;
    }
    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = set_up(server, argv[1], argc > 2 ? argv[2] : "localhost:8000");
    if (rc >= 0) {
        fprintf(stderr, "static_site: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "static_site: %s\n", yodel_strerror(rc));
    yodel_server_unref(server);
    return rc < 0;
}
