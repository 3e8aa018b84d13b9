/* SPDX-License-Identifier: MIT */
/*
 * An export that is written as fast as its client reads it, in little memory.
 *
 *     curl http://localhost:8000/squares.csv
 *
 * Usage: export [address]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yodel/yodel.h>

/* One export that is under way. */
struct export
{
    uint64_t row;
};

/* Writes rows until the output is full; on_drain calls it again. */
static void write_rows(yodel_stream *stream, void *user)
{
    struct export *export = user;
    char line[64];

    for (; export->row < 200000; export->row++) {
        int len = snprintf(line, sizeof line, "%" PRIu64 ",%" PRIu64 "\n", export->row,
                           export->row * export->row);
        int rc = yodel_stream_write_text(stream, (yodel_str){line, (size_t)len});

        if (rc == YODEL_ERR_CONGESTED)
            return;
        if (rc < 0) {
            yodel_stream_abort(stream);
            return;
        }
    }
    if (yodel_stream_end(stream) < 0)
        yodel_stream_abort(stream);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    (void)stream;
    (void)reason;
    free(user);
}

static void squares(yodel_request *req, void *user)
{
    struct export *export = calloc(1, sizeof *export);
    yodel_stream *stream;

    (void)user;
    if (export == NULL)
        return; /* which answers 500 */
    if (yodel_request_stream_begin(req,
                                   YODEL_OPTIONS(yodel_stream_options, .content_type = "text/csv",
                                                 .on_drain = write_rows, .on_close = on_close,
                                                 .user = export),
                                   &stream) < 0)
        free(export);
    else
        write_rows(stream, export);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8000";
    yodel_server *server = NULL;
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);

    if (rc >= 0)
        rc = yodel_server_route(server, "GET /squares.csv", squares, NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "export: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "export: %s\n", yodel_strerror(rc));
    yodel_server_unref(server);
    return rc < 0;
}
