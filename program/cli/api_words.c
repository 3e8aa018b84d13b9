/* SPDX-License-Identifier: MIT */
#include "cli/api_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/nearest.h"
#include "cli/output.h"
#include "cli/token_io.h"

#define MAX_MS 30000 /* for a call, unless --max-time says otherwise */
#define MAX_ATTACHMENT ((size_t)64 << 20)

enum kind {
    WHOM,     /* a name, in a list of to or of */
    EXCEPT,   /* the same of except */
    ALL,      /* {"all": true} */
    YES,      /* a member that is true */
    NO,       /* a member that is false */
    NAME,     /* a member that is a text */
    NUMBER,   /* a member that is a number */
    DOCUMENT, /* a member that is any JSON */
    BINARY,   /* a file, in the list of attachments */
    MOMENT,   /* a member that is a time, in seconds since 1970 */
    ACK,      /* the member ack */
    FIRST,    /* the same, with one answer */
    FORGET,   /* the verb is another */
    /* Not of the verb's object: a pointer, a duration or a bool of struct yg_api_words. */
    TEXT_FIELD,
    TIME_FIELD,
    BOOL_FIELD,
    OUTPUT,
    HELP
};

#define BIT(verb) (1ull << (verb))
#define ACTS                                                                                       \
    (BIT(YG_VERB_EMIT) | BIT(YG_VERB_JOIN) | BIT(YG_VERB_LEAVE) | BIT(YG_VERB_DISCONNECT) |        \
     BIT(YG_VERB_UPDATE))
#define PLACES (BIT(YG_VERB_PRESENCE) | BIT(YG_VERB_HISTORY))
#define LISTS (BIT(YG_VERB_SOCKETS) | BIT(YG_VERB_ROOMS))
#define CONTROLS (BIT(YG_API_RELOAD) | BIT(YG_API_STOP) | BIT(YG_API_REOPEN))
#define EVERY (~0ull)
#define EMIT BIT(YG_VERB_EMIT)
#define AT(field) offsetof(struct yg_api_words, field)

static const struct word_option {
    const char *name;
    enum kind kind;
    const char *member; /* of the verb's object */
    size_t field;
    const char *argument; /* NULL: it has none */
    unsigned long long verbs;
    const char *doc;
} options[] = {
    {"--room", WHOM, "rooms", 0, "NAME", ACTS, "those in a room; may be repeated, as the next"},
    {"--socket", WHOM, "sockets", 0, "SID", ACTS, "the socket of that id"},
    {"--user", WHOM, "users", 0, "NAME", ACTS, "a user's sockets"},
    {"--group", WHOM, "groups", 0, "NAME", EMIT, "a group of plain WebSockets"},
    {"--all", ALL, NULL, 0, NULL, ACTS, "everybody in the namespace"},
    {"--except-room", EXCEPT, "rooms", 0, "NAME", ACTS, "but not those in this room"},
    {"--except-socket", EXCEPT, "sockets", 0, "SID", ACTS, "but not this socket"},
    {"--except-user", EXCEPT, "users", 0, "NAME", ACTS, "but not this user"},
    {"--must-exist", YES, "must_exist", 0, NULL, ACTS, "without a socket it fails"},
    {"--room", NAME, "room", 0, "NAME", BIT(YG_VERB_SOCKETS), "those in a room"},
    {"--user", NAME, "user", 0, "NAME", BIT(YG_VERB_SOCKETS), "those of a user"},
    {"--count", YES, "count", 0, NULL, BIT(YG_VERB_SOCKETS), "only how many there are"},
    {"--group", NAME, "group", 0, "NAME", PLACES, "of a group of plain WebSockets, not of a room"},
    {"--namespace", NAME, "namespace", 0, "NAME", ACTS | LISTS | PLACES, "the namespace; /"},
    {"--text", BOOL_FIELD, NULL, AT(is_text), NULL, EMIT, "arguments are texts, not JSON"},
    {"--attach", BINARY, "attachments", 0, "FILE", EMIT,
     "a binary argument, behind the others; may be repeated"},
    {"--ack", ACK, NULL, 0, NULL, EMIT, "waits for the acknowledgements, and prints them"},
    {"--first", FIRST, NULL, 0, NULL, EMIT, "the same, for one of them"},
    {"--timeout", TIME_FIELD, NULL, AT(ack_ms), "TIME", EMIT, "for that: at most 60s; 5s"},
    {"--volatile", YES, "volatile", 0, NULL, EMIT, "who cannot take it now does not get it"},
    {"--local", YES, "local", 0, NULL, EMIT, "clients of that node only"},
    {"--no-history", NO, "history", 0, NULL, EMIT, "it is not kept"},
    {"--reconnect", YES, "reconnect", 0, NULL, BIT(YG_VERB_DISCONNECT),
     "they may come back: the transport is closed"},
    {"--message", NAME, "message", 0, "TEXT", BIT(YG_VERB_DISCONNECT), "what they are told"},
    {"--meta", DOCUMENT, "meta", 0, "JSON", BIT(YG_VERB_UPDATE), "what the back end knows of them"},
    {"--expires-at", MOMENT, "expires_at", 0, "TIME", BIT(YG_VERB_UPDATE),
     "when they must go: seconds since 1970, +1h, or never"},
    {"--since", NAME, "since", 0, "OFFSET", BIT(YG_VERB_HISTORY), "what came after it"},
    {"--reverse", YES, "reverse", 0, NULL, BIT(YG_VERB_HISTORY), "the newest first"},
    {"--forget", FORGET, NULL, 0, NULL, BIT(YG_VERB_HISTORY), "forgets it instead"},
    {"--limit", NUMBER, "limit", 0, "N", LISTS | BIT(YG_VERB_HISTORY), "at most 1000; 100"},
    {"--cursor", NAME, "cursor", 0, "TEXT", LISTS, "goes on where another page has ended"},
    {"--all-pages", BOOL_FIELD, NULL, AT(all_pages), NULL, LISTS, "page after page, to the end"},
    {"--stream", BOOL_FIELD, NULL, AT(streams), NULL, BIT(YG_API_BATCH),
     "a command a line, run as it comes"},
    {"--stop-on-error", BOOL_FIELD, NULL, AT(stops_on_error), NULL, BIT(YG_API_BATCH),
     "what is behind a failure is not run"},
    {"--parallel", BOOL_FIELD, NULL, AT(is_parallel), NULL, BIT(YG_API_BATCH),
     "one need not end before the next"},
    {"--now", BOOL_FIELD, NULL, AT(at_once), NULL, BIT(YG_API_STOP), "without a drain"},
    {"--no-wait", BOOL_FIELD, NULL, AT(no_wait), NULL, BIT(YG_API_STOP),
     "not until the process has gone"},
    {"--timeout", TIME_FIELD, NULL, AT(ack_ms), "TIME", BIT(YG_API_STOP),
     "how long that is waited for; 60s"},
    {"--idempotency-key", TEXT_FIELD, NULL, AT(idempotency_key), "TEXT", ACTS,
     "the same again is done once"},
    {"--url", TEXT_FIELD, NULL, AT(where.url), "URL", EVERY,
     "http://, https:// or unix:PATH; $YODEL_URL, or " YG_API_DEFAULT_URL},
    {"--key-file", TEXT_FIELD, NULL, AT(where.key_file), "FILE", EVERY,
     "the key of the API; $YODEL_KEY_FILE, or none"},
    {"--ca", TEXT_FIELD, NULL, AT(where.ca), "FILE", EVERY, "authorities for https"},
    {"--max-time", TIME_FIELD, NULL, AT(where.max_ms), "TIME", EVERY, "for one answer; 30s"},
    {"-o", OUTPUT, NULL, 0, "text|json", EVERY, "how results are written"},
    {"--help", HELP, NULL, 0, NULL, EVERY, "this"},
};

#define NUM_OPTIONS (sizeof(options) / sizeof(options[0]))

static bool is_of(const struct word_option *option, const struct yg_api_word *word)
{
    return (option->verbs >> word->verb & 1) != 0;
}

/* ---- help ---- */

int yg_api_words_usage(const struct yg_api_word *word, bool asked)
{
    FILE *to = asked ? stdout : stderr;

    fprintf(to, "usage: yodel %s%s%s [OPTION]...\n%s\n\n", word->name,
            *word->arguments != '\0' ? " " : "", word->arguments, word->doc);
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        const char *argument = options[i].argument;
        char left[64];

        if (!is_of(&options[i], word))
            continue;
        snprintf(left, sizeof(left), "%s%s%s", options[i].name, argument != NULL ? " " : "",
                 argument != NULL ? argument : "");
        fprintf(to, "  %-22s %s\n", left, options[i].doc);
    }
    if (word->more != NULL)
        fprintf(to, "\n%s\n", word->more);
    return asked ? YG_EXIT_OK : YG_EXIT_USAGE;
}

static int refuse_option(const struct yg_api_words *words, const char *option, size_t len)
{
    struct yg_nearest nearest;
    char name[YG_NEAREST_MAX + 1];

    snprintf(name, sizeof(name), "%.*s", (int)(len < YG_NEAREST_MAX ? len : YG_NEAREST_MAX),
             option);
    yg_nearest_init(&nearest, name);
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        if (is_of(&options[i], words->word))
            yg_nearest_show(&nearest, options[i].name);
    }
    yg_api_say(&words->where, 0, "wrong option \"%s\"%s%s%s", name,
               nearest.best != NULL ? " (did you mean \"" : "",
               nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "\"?)" : "");
    if (nearest.best == NULL && words->word->max > 0)
        yg_api_say(&words->where, 0, "if it is an argument, write -- before it");
    return yg_api_words_usage(words->word, false);
}

/* ---- the verb's object ---- */

static int no_memory(const struct yg_api_words *words)
{
    return yg_api_say(&words->where, YG_EXIT_FAILED, "out of memory");
}

static int refuse_value(const struct yg_api_words *words, const char *name, const char *wanted)
{
    return yg_api_say(&words->where, YG_EXIT_USAGE, "%s wants %s", name, wanted);
}

int yg_api_words_set(struct yg_api_words *words, const char *member, json_t *value)
{
    return json_object_set_new(words->body, member, value) == 0 ? 0 : no_memory(words);
}

/* ret_text is NULL for what is not UTF-8, or when out of memory. */
static int read_text(const struct yg_api_words *words, const char *name, const char *text,
                     json_t **ret_text)
{
    if (!yg_text_is_utf8(text, strlen(text)))
        return yg_api_say(&words->where, YG_EXIT_DATA, "%s is not UTF-8", name);
    *ret_text = json_string(text);
    return *ret_text != NULL ? 0 : no_memory(words);
}

static int read_json(const struct yg_api_words *words, const char *name, const char *text,
                     json_t **ret_json)
{
    char error[160];
    const int rc = yg_json_parse(text, strlen(text), error, ret_json);

    if (rc == -ENOMEM)
        return no_memory(words);
    if (rc < 0)
        return yg_api_say(&words->where, YG_EXIT_DATA, "%s is no JSON: %s", name, error);
    return 0;
}

/* The member of that name, which is made. */
static json_t *inner(json_t *object, const char *name, json_t *(*make)(void))
{
    json_t *found = json_object_get(object, name);

    if (found == NULL && json_object_set_new(object, name, make()) == 0)
        found = json_object_get(object, name);
    return found;
}

static int add_name(struct yg_api_words *words, const struct word_option *option,
                    const char *object, const char *value)
{
    json_t *list = inner(inner(words->body, object, json_object), option->member, json_array);
    json_t *text = NULL;
    const int rc = read_text(words, option->name, value, &text);

    if (rc != 0)
        return rc;
    return json_array_append_new(list, text) == 0 ? 0 : no_memory(words);
}

static const char *whom_of(const struct yg_api_words *words)
{
    return words->word->verb == YG_VERB_EMIT ? "to" : "of";
}

static int add_all(struct yg_api_words *words)
{
    json_t *object = inner(words->body, whom_of(words), json_object);

    return json_object_set_new(object, "all", json_true()) == 0 ? 0 : no_memory(words);
}

static int add_number(struct yg_api_words *words, const struct word_option *option,
                      const char *value)
{
    uint64_t number;

    if (!yg_token_count(value, INT64_MAX, &number))
        return refuse_value(words, option->name, "a number");
    return yg_api_words_set(words, option->member, json_integer((json_int_t)number));
}

static int add_moment(struct yg_api_words *words, const struct word_option *option,
                      const char *value)
{
    uint64_t seconds;
    int64_t ms;

    if (strcmp(value, "never") == 0)
        return yg_api_words_set(words, option->member, json_integer(0));
    if (*value == '+' && yg_token_duration(value + 1, &ms) == 0)
        return yg_api_words_set(words, option->member,
                                json_integer((yg_clock_wall_ms() + ms) / 1000));
    if (!yg_token_count(value, INT64_MAX, &seconds))
        return refuse_value(words, option->name, "seconds since 1970, +1h, or never");
    return yg_api_words_set(words, option->member, json_integer((json_int_t)seconds));
}

static int add_text(struct yg_api_words *words, const struct word_option *option, const char *value)
{
    json_t *text = NULL;
    const int rc = read_text(words, option->name, value, &text);

    return rc != 0 ? rc : yg_api_words_set(words, option->member, text);
}

static int add_document(struct yg_api_words *words, const struct word_option *option,
                        const char *value)
{
    json_t *json = NULL;
    const int rc = read_json(words, option->name, value, &json);

    return rc != 0 ? rc : yg_api_words_set(words, option->member, json);
}

static json_t *encode(const struct yg_text *file)
{
    const size_t len = YG_BASE64_CHARS(file->len);
    char *text = malloc(len + 1);
    json_t *string;

    if (text == NULL)
        return NULL;
    yg_base64_encode((const uint8_t *)yg_text_string(file), file->len, text);
    string = json_stringn(text, len);
    free(text);
    return string;
}

static int add_file(struct yg_api_words *words, const struct word_option *option, const char *path)
{
    json_t *list = inner(words->body, option->member, json_array);
    struct yg_text file = {0};
    int rc = yg_file_read(path, MAX_ATTACHMENT, &file);

    if (rc == 0)
        rc = json_array_append_new(list, encode(&file)) == 0 ? 0 : -ENOMEM;
    yg_text_done(&file);
    if (rc == -ENOMEM)
        return no_memory(words);
    return rc == 0 ? 0
                   : yg_api_say(&words->where, YG_EXIT_DATA, "%s: %s", path, yg_file_strerror(rc));
}

static int add_ack(struct yg_api_words *words, bool first)
{
    json_t *ack = inner(words->body, "ack", json_object);

    if (ack == NULL || (first && json_object_set_new(ack, "first", json_true()) != 0))
        return no_memory(words);
    return 0;
}

/* ---- fields ---- */

static int set_time(struct yg_api_words *words, const struct word_option *option, const char *value)
{
    int64_t ms;

    if (yg_token_duration(value, &ms) < 0 || ms < 1 || ms > INT32_MAX)
        return refuse_value(words, option->name, "a time such as 500ms, 5s or 2m");
    *(uint32_t *)((char *)words + option->field) = (uint32_t)ms;
    words->has_max = words->has_max || option->field == AT(where.max_ms);
    return 0;
}

/* A key is one line of visible characters: it stands in a header. */
static int set_text(struct yg_api_words *words, const struct word_option *option, const char *value)
{
    for (const char *at = value; option->field == AT(idempotency_key) && *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~')
            return refuse_value(words, option->name, "visible characters of ASCII");
    }
    *(const char **)((char *)words + option->field) = value;
    return 0;
}

static int set_output(struct yg_api_words *words, const char *value)
{
    if (!yg_token_format(value, &words->where.as_json))
        return refuse_value(words, "-o", "text or json");
    return 0;
}

/* ---- words ---- */

static int apply(struct yg_api_words *words, const struct word_option *option, const char *value)
{
    switch (option->kind) {
    case WHOM:
        return add_name(words, option, whom_of(words), value);
    case EXCEPT:
        return add_name(words, option, "except", value);
    case ALL:
        return add_all(words);
    case YES:
    case NO:
        return yg_api_words_set(words, option->member, json_boolean(option->kind == YES));
    case NAME:
        return add_text(words, option, value);
    case NUMBER:
        return add_number(words, option, value);
    case DOCUMENT:
        return add_document(words, option, value);
    case BINARY:
        return add_file(words, option, value);
    case MOMENT:
        return add_moment(words, option, value);
    case ACK:
    case FIRST:
        return add_ack(words, option->kind == FIRST);
    case FORGET:
        words->verb = YG_VERB_FORGET;
        return 0;
    case TEXT_FIELD:
        return set_text(words, option, value);
    case TIME_FIELD:
        return set_time(words, option, value);
    case BOOL_FIELD:
        *(bool *)((char *)words + option->field) = true;
        return 0;
    case OUTPUT:
        return set_output(words, value);
    case HELP:
        words->has_help = true;
        return 0;
    }
    return 0;
}

/* The option of a word, "--name" or "--name=VALUE". */
static const struct word_option *find(const struct yg_api_word *word, const char *text, size_t len)
{
    if (len == 2 && memcmp(text, "-h", 2) == 0)
        text = "--help", len = 6;
    if (len == 8 && memcmp(text, "--output", 8) == 0)
        text = "-o", len = 2;
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        if (is_of(&options[i], word) && strlen(options[i].name) == len &&
            memcmp(options[i].name, text, len) == 0)
            return &options[i];
    }
    return NULL;
}

static int take_option(struct yg_api_words *words, int argc, char **argv, int *at)
{
    const char *text = argv[*at];
    const size_t len = strcspn(text, "=");
    const struct word_option *option = find(words->word, text, len);
    const char *value = text[len] == '=' ? text + len + 1 : NULL;

    if (option == NULL || (option->argument == NULL && value != NULL))
        return refuse_option(words, text, len);
    if (option->argument != NULL && value == NULL) {
        if (*at + 1 == argc)
            return refuse_value(words, option->name, option->argument);
        value = argv[++*at];
    }
    return apply(words, option, value);
}

/* "-5" is JSON, and "-" standard input. */
static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] != '\0' && (text[1] < '0' || text[1] > '9');
}

static int take_all(struct yg_api_words *words, int argc, char **argv)
{
    bool are_over = false;
    int rc = 0;

    for (int at = 1; at < argc && rc == 0; at++) {
        if (!are_over && strcmp(argv[at], "--") == 0)
            are_over = true;
        else if (!are_over && is_option(argv[at]))
            rc = take_option(words, argc, argv, &at);
        else
            words->arguments[words->num_arguments++] = argv[at];
    }
    return rc;
}

int yg_api_words_set_list(struct yg_api_words *words, const char *member, size_t from,
                          bool are_texts)
{
    json_t *list = inner(words->body, member, json_array);
    char name[40];

    for (size_t i = from; i < words->num_arguments; i++) {
        const char *text = words->arguments[i];
        json_t *value = NULL;
        int rc;

        snprintf(name, sizeof(name), "argument %zu", i + 1);
        rc =
            are_texts ? read_text(words, name, text, &value) : read_json(words, name, text, &value);
        if (rc != 0)
            return rc;
        if (json_array_append_new(list, value) != 0)
            return no_memory(words);
    }
    return 0;
}

/* How long acknowledgements are waited for is in the command; its answer may take longer. */
static int set_times(struct yg_api_words *words)
{
    json_t *ack = json_object_get(words->body, "ack");
    const uint32_t ack_ms = words->ack_ms != 0 ? words->ack_ms : YG_COMMAND_ACK_MS;

    if (!words->has_max)
        words->where.max_ms = MAX_MS + (ack != NULL ? ack_ms : 0);
    if (words->word->verb != YG_VERB_EMIT || words->ack_ms == 0)
        return 0;
    if (ack == NULL)
        return yg_api_say(&words->where, YG_EXIT_USAGE, "--timeout is for --ack and --first");
    return json_object_set_new(ack, "timeout_ms", json_integer(words->ack_ms)) == 0
               ? 0
               : no_memory(words);
}

static int check(struct yg_api_words *words)
{
    if (words->has_help)
        return 0;
    if (words->num_arguments < words->word->min || words->num_arguments > words->word->max) {
        if (words->num_arguments > words->word->max)
            yg_api_say(&words->where, 0, "\"%s\" is too much", words->arguments[words->word->max]);
        return yg_api_words_usage(words->word, false);
    }
    if ((ACTS >> words->word->verb & 1) != 0 &&
        json_object_get(words->body, whom_of(words)) == NULL) {
        yg_api_say(&words->where, 0, "for whom? --room, --socket, --user%s or --all",
                   words->word->verb == YG_VERB_EMIT ? ", --group" : "");
        return YG_EXIT_USAGE;
    }
    return set_times(words);
}

int yg_api_words_read(const struct yg_api_word *word, int argc, char **argv,
                      struct yg_api_words *ret_words)
{
    struct yg_api_words *words = ret_words;
    int rc;

    *words =
        (struct yg_api_words){.word = word, .verb = word->verb, .where = {.command = word->name}};
    words->body = json_object();
    words->arguments = calloc((size_t)argc + 1, sizeof(*words->arguments));
    if (words->body == NULL || words->arguments == NULL)
        return no_memory(words);
    rc = take_all(words, argc, argv);
    return rc != 0 ? rc : check(words);
}

void yg_api_words_done(struct yg_api_words *words)
{
    json_decref(words->body);
    free(words->arguments);
}
