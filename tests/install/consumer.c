/* SPDX-License-Identifier: MIT */
/* What a user's first program does: the version fits, a server can be made, set up and let go. */
#include <stdio.h>
#include <string.h>
#include <yodel/yodel.h>

static void hello(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("hello\n"));
}

int main(int argc, char **argv)
{
    yodel_server *server = NULL;
    int rc;

    if (argc != 2 || strcmp(argv[1], YODEL_VERSION) != 0) {
        fprintf(stderr, "consumer: header says version %s\n", YODEL_VERSION);
        return 1;
    }
    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server);
    if (rc < 0)
        goto done;
    rc = yodel_server_route(server, "GET /", hello, NULL);
    if (rc < 0)
        goto done;
    rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));

done:
    if (rc < 0)
        fprintf(stderr, "consumer: %s\n", yodel_strerror(rc));
    yodel_server_unref(server);
    return rc < 0;
}
