/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CONNECT_H
#define YG_CLI_CONNECT_H

#include <jansson.h>

#include "cli/client_options.h"
#include "client/dial.h"
#include "client/socketio.h"

/* `yodel connect`: a client on the command line. */

#define YG_CONNECT_COMMAND "connect"
#define YG_CONNECT_MAX 32 /* of each option that may be repeated */

struct yg_connect_texts {
    const char *items[YG_CONNECT_MAX];
    size_t num;
};

/* What was asked for. */
struct yg_connect_options {
    const struct yg_client_options *client;
    const char *ack_with; /* JSON list: what events that want an ack get */
    struct yg_connect_texts listens, emits, expects;
    bool wants_ack, no_input, is_binary, as_json;
    int64_t exit_ms;     /* 0: none */
    uint64_t exit_count; /* 0: none */
};

/* What is shown and when it ends: for every protocol. */
struct yg_watcher {
    const struct yg_connect_options *options;
    bool seen[YG_CONNECT_MAX]; /* of expects */
    uint64_t num_shown;
    bool failed; /* standard output does not take more */
};

enum yg_watch_result { YG_WATCH_ON, YG_WATCH_DONE, YG_WATCH_FAILED };

/* Something has come; name is that of the event.  list: all that it has; shown when it is listened
 * to.  json has one line for programs, text for people. */
enum yg_watch_result yg_watcher_take(struct yg_watcher *watcher, const char *name,
                                     struct yg_text *line);

/* A line that is no event: connected, acks, the end.  Frees it. */
void yg_watcher_say(struct yg_watcher *watcher, struct yg_text *line);

/* Whether all expected has come. */
bool yg_watcher_has_all(const struct yg_watcher *watcher);

/* How to end when the time is up. */
int yg_watcher_time_up(const struct yg_watcher *watcher);

/* Lines, by options->as_json. */
void yg_show_event(struct yg_text *line, bool as_json, const struct yg_sio_message *event,
                   const json_t *list);
void yg_show_ack(struct yg_text *line, bool as_json, const struct yg_sio_message *ack,
                 const json_t *list);
void yg_show_message(struct yg_text *line, bool as_json, const struct yg_frame *message);

/* What messages are sent by, where it was asked for. */
enum yg_shown_deflate { YG_DEFLATE_UNASKED, YG_DEFLATE_NONE, YG_DEFLATE_AGREED };

/* sid: NULL: there is none. */
void yg_show_connected(struct yg_text *line, bool as_json, const char *sid,
                       enum yg_shown_deflate deflate);
void yg_show_upgraded(struct yg_text *line, bool as_json, enum yg_shown_deflate deflate);
void yg_show_end(struct yg_text *line, bool as_json, const struct yg_end *end);

/* How the program ends when the server has ended it. */
int yg_end_status(const struct yg_end *end);

/* Server-sent events, to their end. */
int yg_connect_sse(struct yg_watcher *watcher, const struct yg_dial *dial);

/* ---- input ---- */

struct yg_input;

/* ptr: one line without its end, borrowed; NULL: the input has ended, or failed with a status that
 * is not 0, which was said. */
typedef void(yg_input_fn)(const char *ptr, size_t len, int status, void *user);

/*
 * Reads lines of the standard input on a loop; on a terminal with editing and a history.
 *
 * ret_input   for yg_input_close(); not in a call of fn
 *
 * Returns 0, or -errno.
 */
int yg_input_open(yodel_loop *loop, bool is_terminal, yg_input_fn *fn, void *user,
                  struct yg_input **ret_input);

/* No lines for a while, or again. */
void yg_input_pause(struct yg_input *input, bool is_paused);

/* Ahead of a line on a terminal, and behind it: the line that is being edited makes room. */
void yg_input_hide(struct yg_input *input);
void yg_input_show(struct yg_input *input);

/* NULL does nothing. */
void yg_input_close(struct yg_input *input);

#endif
