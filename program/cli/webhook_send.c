/* SPDX-License-Identifier: MIT */
/* yodel webhook send: the side of the server. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/curl.h"
#include "base/file.h"
#include "cli/output.h"
#include "cli/plain.h"
#include "cli/token_io.h"
#include "cli/webhook.h"
#include "cli/webhook_sample.h"
#include "hook/signature.h"

#define COMMAND "webhook send"
#define MAX_ANSWER ((size_t)1 << 20)
#define MAX_HEADERS 32

static const char help[] =
    "Usage: yodel webhook send KIND --url URL [OPTION...]\n"
    "Sends a hook with one event, as `yodel serve` would, and says what the answer would do.\n"
    "KIND is connect, connected, event, refresh, disconnected, occupied, vacated or\n"
    "node_started.\n"
    "\n"
    "  --url URL          http://..., https://... or unix:PATH:/uri\n"
    "  --secret-file F    signs with this secret; a second one signs as well\n"
    "  --namespace NS, --sid ID, --user U, --meta JSON\n"
    "                     of the socket\n"
    "  --event E, --args JSON, --ack\n"
    "                     of an event: its name, the list of its arguments; its client wants an "
    "ack\n"
    "  --auth JSON, --claims JSON\n"
    "                     of a connect\n"
    "  --room R, --count N, --reason WORDS\n"
    "                     of occupied and vacated, and of disconnected\n"
    "  --id ID            of the event; a random one if not given\n"
    "  --header 'N: V'    one more header\n"
    "  --timeout T        5s if not given\n"
    "  -o json            one object\n"
    "\n"
    "Ends with 0; 65: the answer is no good; 77: the client is refused; 1: another status; 69: \n"
    "nobody answers; 75: nobody answered in time.\n";

struct sending {
    struct yg_webhook_sample sample;
    const char *url, *secrets[2];
    struct yg_text secret_texts[2];
    unsigned num_secrets;
    const char *headers[MAX_HEADERS];
    size_t num_headers;
    int64_t timeout_ms;
    bool as_json;
    json_t *documents[5]; /* what options have brought */
    size_t num_documents;
    char id[40], sid[40];
    /* the exchange */
    char *body;
    struct curl_slist *list;
    struct yg_text answer, content_type;
    bool is_too_long;
    long status;
    curl_off_t took_us;
    char error[CURL_ERROR_SIZE];
};

/* ---- what the answer means ---- */

/* The status to end with for an HTTP status that carries no result, or -1; words are what it
 * means. */
static int meaning(const struct sending *sending, const char **ret_words)
{
    const long status = sending->status;

    if (status == 200 || status == 204)
        return -1;
    if ((status == 401 || status == 403) && sending->sample.kind == YG_HOOK_CONNECT) {
        *ret_words = "the client is refused for good";
        return YG_EXIT_REFUSED;
    }
    if (status == 410)
        *ret_words = "the hook is not asked any more until the configuration is read again";
    else if (status == 408 || status == 429 || status >= 500)
        *ret_words = "a failure, that is tried again";
    else if (status >= 300 && status < 400)
        *ret_words = "a failure: redirects are not followed";
    else
        *ret_words = "a failure";
    return YG_EXIT_FAILED;
}

/* Reads the answer.  words: what it makes the server do, or what is wrong.  Returns the status to
 * end with. */
static int judge(const struct sending *sending, struct yg_text *words)
{
    const struct yg_hook_asked asked = {.id = sending->sample.id,
                                        .kind = sending->sample.kind,
                                        .wants_ack = sending->sample.wants_ack};
    struct yg_hook_answer *answer;
    struct yg_json wrong;
    const char *text = "";
    int status = meaning(sending, &text), rc;

    yg_text_puts(words, text);
    if (status >= 0)
        return status;
    rc = yg_hook_answer_parse((yodel_str){sending->answer.ptr, sending->answer.len}, &asked, 1,
                              &wrong, &answer);
    if (rc == -EINVAL) {
        yg_text_printf(words, "the answer is no good, and nothing of it is done: %s%s%s",
                       wrong.pointer, *wrong.pointer != '\0' ? ": " : "", wrong.detail);
        return YG_EXIT_DATA;
    }
    if (rc < 0)
        return YG_EXIT_FAILED;
    yg_webhook_put_result(words, &asked, &answer->results[0]);
    status = answer->results[0].is_rejected ? YG_EXIT_REFUSED : YG_EXIT_OK;
    yg_hook_answer_free(answer);
    while (words->len > 0 && words->ptr[words->len - 1] == '\n')
        words->ptr[--words->len] = '\0';
    return status;
}

/* ---- what is shown ---- */

static void show_request(const struct sending *sending)
{
    struct yg_text text = {0};
    json_t *body = json_loads(sending->body, 0, NULL);
    char *dump = json_dumps(body, JSON_INDENT(2));

    yg_text_printf(&text, "POST %s\n", sending->url);
    for (const struct curl_slist *line = sending->list; line != NULL; line = line->next)
        yg_text_printf(&text, "%s\n", line->data);
    yg_text_printf(&text, "\n%s\n\n", dump != NULL ? dump : sending->body);
    free(dump);
    json_decref(body);
    (void)yg_cli_print(&text);
}

static int show_text(const struct sending *sending, int status, const struct yg_text *words)
{
    struct yg_text text = {0};

    yg_text_printf(&text, "%ld after %.1f ms", sending->status, (double)sending->took_us / 1000.0);
    if (sending->content_type.len > 0) {
        yg_text_puts(&text, ", ");
        yg_plain_put(&text, sending->content_type.ptr, sending->content_type.len);
    }
    yg_text_putc(&text, '\n');
    if (sending->answer.len > 0) {
        yg_plain_put(&text, sending->answer.ptr, sending->answer.len);
        yg_text_putc(&text, '\n');
    }
    yg_text_printf(&text, "\n%s\n", words->len > 0 ? words->ptr : "nothing is to be done");
    return yg_cli_print(&text) == YG_EXIT_OK ? status : YG_EXIT_FAILED;
}

/* One object about all of it. */
static int show_json(const struct sending *sending, int status, const struct yg_text *words)
{
    struct yg_text text = {0};
    json_t *answer = sending->answer.len > 0 ? json_loadb(sending->answer.ptr, sending->answer.len,
                                                          JSON_DECODE_ANY, NULL)
                                             : NULL;
    const char *sep = "";

    yg_text_printf(&text,
                   "{\"exit\": %d, \"status\": %ld, \"duration_ms\": %.1f, \"request\": ", status,
                   sending->status, (double)sending->took_us / 1000.0);
    yg_text_puts(&text, sending->body);
    yg_text_puts(&text, ", \"headers\": [");
    for (const struct curl_slist *line = sending->list; line != NULL; line = line->next) {
        yg_text_puts(&text, sep);
        yg_text_put_json(&text, line->data, strlen(line->data));
        sep = ", ";
    }
    yg_text_puts(&text, "], \"answer\": ");
    if (answer != NULL)
        yg_plain_put_json(&text, answer);
    else
        yg_text_put_json(&text, sending->answer.ptr, sending->answer.len);
    yg_text_puts(&text, ", \"means\": ");
    yg_text_put_json(&text, words->ptr, words->len);
    yg_text_puts(&text, "}\n");
    json_decref(answer);
    return yg_cli_print(&text) == YG_EXIT_OK ? status : YG_EXIT_FAILED;
}

/* ---- the exchange ---- */

static size_t on_bytes(char *ptr, size_t size, size_t num, void *user)
{
    struct sending *sending = user;

    if (size * num > MAX_ANSWER - sending->answer.len) {
        sending->is_too_long = true;
        return 0;
    }
    yg_text_add(&sending->answer, ptr, size * num);
    return yg_text_failed(&sending->answer) ? 0 : size * num;
}

static bool add_header(struct sending *sending, const char *format, const char *value)
{
    struct yg_text line = {0};
    struct curl_slist *list;

    yg_text_printf(&line, format, value);
    list = yg_text_failed(&line) ? NULL : curl_slist_append(sending->list, line.ptr);
    yg_text_done(&line);
    if (list != NULL)
        sending->list = list;
    return list != NULL;
}

/* Returns 0, -ENOMEM, or -EINVAL for a secret. */
static int make_headers(struct sending *sending)
{
    const int64_t now_s = yg_clock_wall_ms() / 1000;
    struct yg_text signature = {0};
    char time[24];
    bool good;
    int rc = yg_sign(sending->secrets, sending->num_secrets, sending->sample.id, now_s,
                     yodel_str_of(sending->body), &signature);

    snprintf(time, sizeof(time), "%" PRId64, now_s);
    good = rc == 0 && add_header(sending, "Content-Type: %s", "application/json") &&
           add_header(sending, "webhook-id: %s", sending->sample.id) &&
           add_header(sending, "webhook-timestamp: %s", time) &&
           (signature.len == 0 || add_header(sending, "webhook-signature: %s", signature.ptr)) &&
           add_header(sending, "Yodel-Kind: %s", yg_hook_word(sending->sample.kind)) &&
           add_header(sending, "Yodel-Attempt: %s", "1") &&
           add_header(sending, "Yodel-Node: %s", "sample");
    for (size_t i = 0; i < sending->num_headers && good; i++)
        good = add_header(sending, "%s", sending->headers[i]);
    yg_text_done(&signature);
    return rc < 0 ? rc : good ? 0 : -ENOMEM;
}

static CURLcode perform(struct sending *sending, CURL *curl)
{
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    const char *type = NULL;

    if (yg_curl_set_url(curl, sending->url) &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sending->body) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, sending->list) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)sending->timeout_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "yodel") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, sending) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, sending->error) == CURLE_OK)
        rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &sending->status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &sending->took_us);
    if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
        yg_text_puts(&sending->content_type, type);
    return rc;
}

/* Why there is no answer.  Returns the status to end with. */
static int say_failure(const struct sending *sending, CURLcode code)
{
    const char *words = *sending->error != '\0' ? sending->error : curl_easy_strerror(code);

    if (sending->is_too_long)
        return yg_token_say(YG_EXIT_DATA, COMMAND, "the answer is longer than %zu bytes",
                            MAX_ANSWER);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return yg_token_say(YG_EXIT_TIMEOUT, COMMAND, "%s: %s", sending->url, words);
    if (code == CURLE_URL_MALFORMAT)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--url: %s", words);
    if (code == CURLE_OUT_OF_MEMORY)
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "%s", words);
    return yg_token_say(YG_EXIT_UNREACHABLE, COMMAND, "%s: %s", sending->url, words);
}

static int exchange(struct sending *sending)
{
    struct yg_text words = {0};
    CURL *curl = curl_easy_init();
    CURLcode rc;
    int status;

    if (curl == NULL)
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory");
    if (!sending->as_json)
        show_request(sending);
    rc = perform(sending, curl);
    curl_easy_cleanup(curl);
    if (rc != CURLE_OK)
        return say_failure(sending, rc);
    status = judge(sending, &words);
    if (yg_text_failed(&words))
        status = yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory");
    else
        status = sending->as_json ? show_json(sending, status, &words)
                                  : show_text(sending, status, &words);
    yg_text_done(&words);
    return status;
}

static int send_sample(struct sending *sending)
{
    json_t *body = yg_webhook_sample_body(&sending->sample);
    int rc = -ENOMEM;

    sending->body = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (sending->body != NULL)
        rc = make_headers(sending);
    if (rc == -EINVAL)
        return yg_token_say(YG_EXIT_DATA, COMMAND,
                            "--secret-file: what is behind whsec_ is no "
                            "base64");
    if (rc < 0)
        return yg_token_say(YG_EXIT_FAILED, COMMAND,
                            "no sample can be made of this: it must be UTF-8");
    return exchange(sending);
}

/* ---- options ---- */

enum {
    OPT_URL = 256,
    OPT_SECRET,
    OPT_NAMESPACE,
    OPT_SID,
    OPT_USER,
    OPT_META,
    OPT_EVENT,
    OPT_ARGS,
    OPT_ACK,
    OPT_AUTH,
    OPT_CLAIMS,
    OPT_ROOM,
    OPT_COUNT,
    OPT_REASON,
    OPT_ID,
    OPT_HEADER,
    OPT_TIMEOUT,
    OPT_HELP
};

static const struct option options[] = {{"url", required_argument, NULL, OPT_URL},
                                        {"secret-file", required_argument, NULL, OPT_SECRET},
                                        {"namespace", required_argument, NULL, OPT_NAMESPACE},
                                        {"sid", required_argument, NULL, OPT_SID},
                                        {"user", required_argument, NULL, OPT_USER},
                                        {"meta", required_argument, NULL, OPT_META},
                                        {"event", required_argument, NULL, OPT_EVENT},
                                        {"args", required_argument, NULL, OPT_ARGS},
                                        {"ack", no_argument, NULL, OPT_ACK},
                                        {"auth", required_argument, NULL, OPT_AUTH},
                                        {"claims", required_argument, NULL, OPT_CLAIMS},
                                        {"room", required_argument, NULL, OPT_ROOM},
                                        {"count", required_argument, NULL, OPT_COUNT},
                                        {"reason", required_argument, NULL, OPT_REASON},
                                        {"id", required_argument, NULL, OPT_ID},
                                        {"header", required_argument, NULL, OPT_HEADER},
                                        {"timeout", required_argument, NULL, OPT_TIMEOUT},
                                        {"output", required_argument, NULL, 'o'},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {NULL, 0, NULL, 0}};

/* A document of an option.  Returns 0 or a status. */
static int take_json(struct sending *sending, const char *name, const char *text,
                     const json_t **into)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

    if (json == NULL)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s: %s", name, error.text);
    if (*into != NULL ||
        sending->num_documents == sizeof(sending->documents) / sizeof(sending->documents[0])) {
        json_decref(json);
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s is there twice", name);
    }
    sending->documents[sending->num_documents++] = json;
    *into = json;
    return 0;
}

static int take_count(struct sending *sending, const char *text)
{
    uint64_t count;

    if (!yg_token_count(text, INT64_MAX, &count))
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--count wants a number");
    sending->sample.count = (json_int_t)count;
    return 0;
}

static int take_secret(struct sending *sending, const char *path)
{
    struct yg_text *text = &sending->secret_texts[sending->num_secrets];
    int rc;

    if (sending->num_secrets == 2)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "at most two secrets");
    if ((rc = yg_webhook_secret(COMMAND, path, text)) == 0)
        sending->secrets[sending->num_secrets++] = yg_text_string(text);
    return rc;
}

static int take_header(struct sending *sending, const char *text)
{
    if (!yg_token_is_header(text))
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--header wants 'Name: value'");
    if (sending->num_headers == MAX_HEADERS)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "at most %d headers", MAX_HEADERS);
    sending->headers[sending->num_headers++] = text;
    return 0;
}

static int take_timeout(struct sending *sending, const char *text)
{
    if (yg_token_duration(text, &sending->timeout_ms) == 0 && sending->timeout_ms > 0 &&
        sending->timeout_ms <= 3600000)
        return 0;
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "--timeout wants 1ms to 1h");
}

/* Options that are a word of the sample.  NULL: it is none of these. */
static const char **word_of(struct sending *sending, int option)
{
    switch (option) {
    case OPT_URL:
        return &sending->url;
    case OPT_NAMESPACE:
        return &sending->sample.ns;
    case OPT_SID:
        return &sending->sample.sid;
    case OPT_USER:
        return &sending->sample.user;
    case OPT_EVENT:
        return &sending->sample.event;
    case OPT_ROOM:
        return &sending->sample.room;
    case OPT_REASON:
        return &sending->sample.reason;
    case OPT_ID:
        return &sending->sample.id;
    default:
        return NULL;
    }
}

static const char *name_of(int option)
{
    const struct option *at = options;

    while (at->name != NULL && at->val != option)
        at++;
    return at->name != NULL ? at->name : "";
}

static int take(struct sending *sending, int option, const char *text)
{
    const char **word = word_of(sending, option);

    if (word != NULL) {
        *word = text;
        return yg_text_is_utf8(text, strlen(text))
                   ? 0
                   : yg_token_say(YG_EXIT_USAGE, COMMAND, "--%s is not UTF-8", name_of(option));
    }
    switch (option) {
    case OPT_SECRET:
        return take_secret(sending, text);
    case OPT_META:
        return take_json(sending, "--meta", text, &sending->sample.meta);
    case OPT_ARGS:
        return take_json(sending, "--args", text, &sending->sample.args);
    case OPT_AUTH:
        return take_json(sending, "--auth", text, &sending->sample.auth);
    case OPT_CLAIMS:
        return take_json(sending, "--claims", text, &sending->sample.claims);
    case OPT_ACK:
        sending->sample.wants_ack = true;
        return 0;
    case OPT_COUNT:
        return take_count(sending, text);
    case OPT_HEADER:
        return take_header(sending, text);
    case OPT_TIMEOUT:
        return take_timeout(sending, text);
    case 'o':
        if (yg_token_format(text, &sending->as_json))
            return 0;
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "-o wants text or json");
    default:
        return yg_token_usage(COMMAND);
    }
}

static int take_kind(struct sending *sending, int argc, char **argv)
{
    const int kind = optind < argc ? yg_webhook_kind(argv[optind]) : -1;
    yodel_str path, uri;

    if (kind < 0)
        return yg_token_say(YG_EXIT_USAGE, COMMAND,
                            "a kind is wanted: connect, connected, event, "
                            "refresh, disconnected, occupied, vacated, node_started");
    if (optind + 1 < argc)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "\"%s\" is too much", argv[optind + 1]);
    sending->sample.kind = (enum yg_hook_kind)kind;
    if (sending->url == NULL)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--url is missing");
    if (strncmp(sending->url, "http://", 7) != 0 && strncmp(sending->url, "https://", 8) != 0 &&
        !yg_curl_cut_unix(sending->url, &path, &uri))
        return yg_token_say(YG_EXIT_USAGE, COMMAND,
                            "--url wants http://, https:// or unix:PATH:/uri");
    if (sending->sample.args != NULL && !json_is_array(sending->sample.args))
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--args wants a list");
    if (strpbrk(sending->sample.id, "\r\n") != NULL)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--id wants one line");
    return -1;
}

/* -1: go on; else the status to end with. */
static int read_options(struct sending *sending, int argc, char **argv)
{
    int option, status;

    yg_token_name(argv, COMMAND);
    optind = 0;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == OPT_HELP || option == 'h') {
            fputs(help, stdout);
            return YG_EXIT_OK;
        }
        if ((status = take(sending, option, optarg)) != 0)
            return status;
    }
    return take_kind(sending, argc, argv);
}

/* ---- the whole ---- */

/* Words of the sample that options may replace. */
static int fill_sample(struct sending *sending)
{
    unsigned char bytes[24];
    json_t *args = json_array();

    if (args == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        json_decref(args);
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory");
    }
    memcpy(sending->id, "msg_", 5);
    for (size_t i = 0; i < 12; i++) {
        snprintf(sending->id + 4 + 2 * i, 3, "%02x", bytes[i]);
        snprintf(sending->sid + 2 * i, 3, "%02x", bytes[12 + i]);
    }
    sending->sample = (struct yg_webhook_sample){.id = sending->id,
                                                 .ns = "/",
                                                 .sid = sending->sid,
                                                 .event = "message",
                                                 .room = "lobby",
                                                 .reason = "transport close",
                                                 .count = 1};
    sending->documents[sending->num_documents++] = args;
    return 0;
}

int yg_webhook_send_main(int argc, char **argv)
{
    struct sending sending = {.timeout_ms = 5000};
    int status = fill_sample(&sending);

    if (status == 0 && (status = read_options(&sending, argc, argv)) < 0) {
        if (sending.sample.args == NULL)
            sending.sample.args = sending.documents[0];
        status = send_sample(&sending);
    }
    for (unsigned i = 0; i < 2; i++)
        yg_secret_done(&sending.secret_texts[i]);
    for (size_t i = 0; i < sending.num_documents; i++)
        json_decref(sending.documents[i]);
    curl_slist_free_all(sending.list);
    yg_text_done(&sending.answer);
    yg_text_done(&sending.content_type);
    free(sending.body);
    return status;
}
