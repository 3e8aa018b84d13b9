/* SPDX-License-Identifier: MIT */
/* A reader of server-sent events, by libcurl. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/plain.h"
#include "cli/token_io.h"
#include "client/sse_text.h"

#define COMMAND YG_CONNECT_COMMAND

struct reader {
    struct yg_watcher *watcher;
    const struct yg_dial *dial;
    CURL *curl;
    struct curl_slist *list;
    struct yg_sse sse;
    bool is_open, is_done;
    int status;
    char error[CURL_ERROR_SIZE];
};

static void finish(struct reader *reader, int status)
{
    reader->is_done = true;
    reader->status = status;
}

static void show(struct reader *reader, const struct yg_sse_event *event)
{
    const bool as_json = reader->watcher->options->as_json;
    const char *name = event->name.len > 0 ? event->name.ptr : "message";
    struct yg_text line = {0};
    enum yg_watch_result result;

    if (as_json) {
        yg_text_puts(&line, "{\"event\":");
        yg_text_put_json(&line, name, strlen(name));
        yg_text_puts(&line, ",\"data\":");
        yg_text_put_json(&line, event->data.ptr, event->data.len);
        if (event->id.len > 0) {
            yg_text_puts(&line, ",\"id\":");
            yg_text_put_json(&line, event->id.ptr, event->id.len);
        }
        yg_text_putc(&line, '}');
    } else {
        yg_plain_put(&line, name, strlen(name));
        yg_text_putc(&line, ' ');
        yg_plain_put(&line, event->data.ptr, event->data.len);
    }
    result = yg_watcher_take(reader->watcher, name, &line);
    if (result != YG_WATCH_ON)
        finish(reader, result == YG_WATCH_DONE ? YG_EXIT_OK : YG_EXIT_FAILED);
}

/* Whether this is a stream of events; what else it is was said. */
static bool check_answer(struct reader *reader)
{
    struct yg_end end = {.kind = YG_END_REFUSED};
    const char *type = NULL;
    struct yg_text line = {0};
    long status = 0;

    curl_easy_getinfo(reader->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(reader->curl, CURLINFO_CONTENT_TYPE, &type);
    if (status != 200) {
        end.code = (int)status;
        finish(reader, yg_token_say(yg_end_status(&end), COMMAND, "refused (%ld)", status));
        return false;
    }
    if (type == NULL || strncmp(type, "text/event-stream", 17) != 0) {
        finish(reader, yg_token_say(YG_EXIT_DATA, COMMAND, "no stream of events"));
        return false;
    }
    reader->is_open = true;
    yg_show_connected(&line, reader->watcher->options->as_json, NULL, YG_DEFLATE_UNASKED);
    if (reader->watcher->options->as_json) {
        yg_watcher_say(reader->watcher, &line);
    } else {
        fprintf(stderr, "%s\n", yg_text_string(&line));
        yg_text_done(&line);
    }
    return true;
}

static size_t on_bytes(char *ptr, size_t size, size_t num, void *user)
{
    struct reader *reader = user;
    yodel_str input = {ptr, size * num};
    struct yg_sse_event event;
    int rc = 1;

    while (rc == 1 && !reader->is_done) {
        rc = yg_sse_next(&reader->sse, &input, &event);
        if (rc == 1)
            show(reader, &event);
    }
    if (rc < 0)
        finish(reader, yg_token_say(rc == -ENOMEM ? YG_EXIT_FAILED : YG_EXIT_DATA, COMMAND, "%s",
                                    rc == -ENOMEM ? "out of memory" : "an event that is too long"));
    return reader->is_done ? 0 : size * num;
}

/* Behind the last line of the head. */
static size_t on_header(char *ptr, size_t size, size_t num, void *user)
{
    struct reader *reader = user;
    long status = 0;

    curl_easy_getinfo(reader->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && size * num == 2 && memcmp(ptr, "\r\n", 2) == 0 && !reader->is_open &&
        !check_answer(reader))
        return 0;
    return size * num;
}

static bool set_up(struct reader *reader)
{
    const struct yg_dial_options *options = &reader->watcher->options->client->dial;
    CURL *curl = reader->curl;

    reader->list = curl_slist_append(NULL, "Accept: text/event-stream");
    for (size_t i = 0; i < options->num_headers && reader->list != NULL; i++) {
        struct curl_slist *list = curl_slist_append(reader->list, options->headers[i]);

        if (list == NULL)
            return false;
        reader->list = list;
    }
    if (options->ca_file != NULL &&
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file) != CURLE_OK)
        return false;
    return reader->list != NULL &&
           curl_easy_setopt(curl, CURLOPT_URL, reader->dial->address.url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, reader->list) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options->is_insecure ? 0L : 1L) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options->is_insecure ? 0L : 2L) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)options->timeout_ms) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "yodel") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, reader) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, reader) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reader->error) == CURLE_OK;
}

/* The transfer has ended by itself. */
static void on_over(struct reader *reader, CURLcode code)
{
    const char *words = *reader->error != '\0' ? reader->error : curl_easy_strerror(code);

    if (reader->is_done)
        return;
    if (!reader->is_open && code == CURLE_OK) {
        finish(reader, yg_token_say(YG_EXIT_DATA, COMMAND, "its answer has no head"));
    } else if (!reader->is_open) {
        finish(reader, yg_token_say(
                           code == CURLE_OPERATION_TIMEDOUT ? YG_EXIT_TIMEOUT : YG_EXIT_UNREACHABLE,
                           COMMAND, "%s: %s", reader->watcher->options->client->dial.url, words));
    } else {
        finish(reader, yg_token_say(YG_EXIT_FAILED, COMMAND, "the stream has ended%s%s",
                                    code != CURLE_OK ? ": " : "", code != CURLE_OK ? words : ""));
    }
}

/* Milliseconds until the time is up, at most a second. */
static int time_left(const struct reader *reader, uint64_t begun_ms)
{
    const struct yg_connect_options *options = reader->watcher->options;
    const uint64_t most =
        reader->is_open ? (uint64_t)options->exit_ms : options->client->dial.timeout_ms;
    const uint64_t passed = yg_clock_ms() - begun_ms;

    if (most == 0)
        return 1000;
    return passed >= most ? 0 : most - passed < 1000 ? (int)(most - passed) : 1000;
}

static void on_time_up(struct reader *reader)
{
    if (reader->is_open)
        finish(reader, yg_watcher_time_up(reader->watcher));
    else
        finish(reader, yg_token_say(YG_EXIT_TIMEOUT, COMMAND, "%s: no answer in time",
                                    reader->watcher->options->client->dial.url));
}

static void transfer(struct reader *reader, CURLM *multi)
{
    uint64_t begun_ms = yg_clock_ms();
    int running = 1, left;

    while (!reader->is_done) {
        const bool was_open = reader->is_open;
        const CURLMsg *message;

        (void)curl_multi_perform(multi, &running);
        if (reader->is_open && !was_open)
            begun_ms = yg_clock_ms();
        message = curl_multi_info_read(multi, &left);
        if (message != NULL)
            on_over(reader, message->data.result);
        left = reader->is_done ? 0 : time_left(reader, begun_ms);
        if (!reader->is_done && left == 0)
            on_time_up(reader);
        if (!reader->is_done)
            (void)curl_multi_poll(multi, NULL, 0, left, NULL);
    }
}

int yg_connect_sse(struct yg_watcher *watcher, const struct yg_dial *dial)
{
    struct reader reader = {.watcher = watcher,
                            .dial = dial,
                            .curl = curl_easy_init(),
                            .sse = {.max = watcher->options->client->dial.max_message},
                            .status = YG_EXIT_FAILED};
    CURLM *multi = curl_multi_init();

    if (reader.curl == NULL || multi == NULL || !set_up(&reader) ||
        curl_multi_add_handle(multi, reader.curl) != CURLM_OK) {
        (void)yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory");
    } else {
        transfer(&reader, multi);
        (void)curl_multi_remove_handle(multi, reader.curl);
    }
    curl_easy_cleanup(reader.curl);
    curl_multi_cleanup(multi);
    curl_slist_free_all(reader.list);
    yg_sse_done(&reader.sse);
    return reader.status;
}
