/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_API_WORDS_H
#define YG_CLI_API_WORDS_H

#include "cli/api_client.h"
#include "command/command.h"

/* The words behind a command that asks a running yodel: `yodel emit news '{"a":1}' --room chat:1`.
 * One table has all options; from it come the object of the verb and the help. */

/* What there is beside the verbs of commands. */
enum yg_api_verb { YG_API_BATCH = YG_NUM_VERBS, YG_API_RELOAD, YG_API_STOP, YG_API_REOPEN };

/* A command of the command line. */
struct yg_api_word {
    const char *name;      /* "emit" */
    unsigned verb;         /* of yg_verb, or yg_api_verb */
    const char *arguments; /* of its usage: "EVENT [JSON]..." */
    const char *doc;       /* one line */
    const char *more;      /* behind the options; NULL: nothing */
    size_t min, max;       /* arguments */
};

struct yg_api_words {
    const struct yg_api_word *word;
    struct yg_api_where where;
    unsigned verb;          /* that of word, or another that an option has made of it */
    json_t *body;           /* the object of the verb */
    const char **arguments; /* what is no option */
    size_t num_arguments;
    const char *idempotency_key;
    uint32_t ack_ms; /* what --timeout says; 0: nothing */
    bool has_max, has_help;
    bool is_text; /* arguments are texts, not JSON */
    bool all_pages;
    bool streams, stops_on_error, is_parallel; /* of batch */
    bool no_wait, at_once;                     /* of stop */
};

/*
 * Reads the words.
 *
 * ret_words   for yg_api_words_done(), also after a failure
 *
 * Returns 0, or the status to end with: what is wrong was said.
 */
int yg_api_words_read(const struct yg_api_word *word, int argc, char **argv,
                      struct yg_api_words *ret_words);
void yg_api_words_done(struct yg_api_words *words);

/* Says how a command is used.  Returns YG_EXIT_OK when it was asked for, else YG_EXIT_USAGE. */
int yg_api_words_usage(const struct yg_api_word *word, bool asked);

/* Sets a member of the verb's object; takes value.  Returns 0, or the status to end with. */
int yg_api_words_set(struct yg_api_words *words, const char *member, json_t *value);

/* Sets a list of the arguments from the n-th on, as texts or as the JSON that they are. */
int yg_api_words_set_list(struct yg_api_words *words, const char *member, size_t from,
                          bool are_texts);

#endif
