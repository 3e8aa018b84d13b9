/* SPDX-License-Identifier: MIT */
#include "cli/api_client.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <yodel/version.h>

#include "base/file.h"
#include "cli/columns.h"
#include "cli/output.h"

#define MAX_ANSWER ((size_t)256 << 20) /* bytes */
#define CONNECT_MS 10000

int yg_api_say(const struct yg_api_where *where, int status, const char *format, ...)
{
    struct yg_text line = {0};
    char *text = NULL;
    va_list args;
    int len;

    if (where->is_quiet)
        return status;
    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len >= 0) {
        yg_columns_put_plain(&line, text, (size_t)len);
        free(text);
    }
    fprintf(stderr, "yodel %s: %s\n", where->command, len >= 0 ? yg_text_string(&line) : format);
    yg_text_done(&line);
    return status;
}

static int no_memory(const struct yg_api_where *where)
{
    return yg_api_say(where, YG_EXIT_FAILED, "out of memory");
}

/* ---- the address ---- */

static bool has_part(CURLU *parts, CURLUPart which)
{
    char *text = NULL;
    const bool has = curl_url_get(parts, which, &text, 0) == CURLUE_OK;

    curl_free(text);
    return has;
}

/* What an address of TCP must not have: a key would show in lists of processes. */
static const char *find_fault(CURLU *parts, const char *url)
{
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return "an address is http://HOST:PORT, https://HOST:PORT or unix:PATH";
    if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD))
        return "an address has no user: the key is in the file of --key-file";
    if (has_part(parts, CURLUPART_QUERY) || has_part(parts, CURLUPART_FRAGMENT))
        return "an address has no query";
    return NULL;
}

static int read_tcp(struct yg_api_client *client)
{
    CURLU *parts = curl_url();
    const char *fault = parts != NULL ? find_fault(parts, client->url) : "out of memory";
    size_t len = strlen(client->url);

    curl_url_cleanup(parts);
    if (fault != NULL)
        return yg_api_say(client->where, YG_EXIT_CONFIG, "\"%s\": %s", client->url, fault);
    while (len > 0 && client->url[len - 1] == '/')
        len--;
    yg_text_add(&client->base, client->url, len);
    yg_text_puts(&client->base, "/api/v1/");
    return 0;
}

static int read_unix(struct yg_api_client *client)
{
    client->unix_path = client->url + strlen("unix:");
    if (*client->unix_path == '\0' ||
        strlen(client->unix_path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return yg_api_say(client->where, YG_EXIT_CONFIG, "\"%s\": no path of a socket",
                          client->url);
    yg_text_puts(&client->base, "http://localhost/api/v1/");
    return 0;
}

/* ---- the key ---- */

/* A key in a header: visible characters. */
static bool is_token(const char *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (ptr[i] <= ' ' || ptr[i] > '~')
            return false;
    }
    return len > 0;
}

static int read_key(struct yg_api_client *client)
{
    static const char head[] = "Authorization: Bearer ";
    const char *path = client->where->key_file;
    struct yg_text *text = &client->authorization;
    int rc;

    if (path == NULL)
        path = getenv("YODEL_KEY_FILE");
    if (path == NULL || *path == '\0')
        return 0;
    yg_text_puts(text, head);
    rc = yg_secret_read(path, text);
    if (rc == -ENOMEM || yg_text_failed(text))
        return no_memory(client->where);
    if (rc < 0)
        return yg_api_say(client->where, YG_EXIT_CONFIG, "%s: %s", path, yg_file_strerror(rc));
    if (!is_token(text->ptr + sizeof(head) - 1, text->len - (sizeof(head) - 1)))
        return yg_api_say(client->where, YG_EXIT_CONFIG, "%s: it is no key", path);
    return 0;
}

int yg_api_open(const struct yg_api_where *where, struct yg_api_client *ret_client)
{
    struct yg_api_client *client = ret_client;
    int rc;

    *client = (struct yg_api_client){.where = where, .url = where->url};
    if (client->url == NULL)
        client->url = getenv("YODEL_URL");
    if (client->url == NULL || *client->url == '\0')
        client->url = YG_API_DEFAULT_URL;
    rc = strncmp(client->url, "unix:", 5) == 0 ? read_unix(client) : read_tcp(client);
    if (rc == 0)
        rc = read_key(client);
    if (rc != 0)
        return rc;
    signal(SIGPIPE, SIG_IGN); /* of TLS; writing results fails by itself */
    client->curl = curl_easy_init();
    return client->curl != NULL && !yg_text_failed(&client->base) ? 0 : no_memory(where);
}

void yg_api_close(struct yg_api_client *client)
{
    curl_easy_cleanup(client->curl);
    client->curl = NULL;
    yg_text_done(&client->base);
    yg_secret_done(&client->authorization);
}

/* ---- a request ---- */

/* Returns the longer list, or NULL, and the list is gone. */
static struct curl_slist *append(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);

    if (longer == NULL)
        curl_slist_free_all(list);
    return longer;
}

struct curl_slist *yg_api_prepare(struct yg_api_client *client, const char *path,
                                  struct curl_slist *list)
{
    CURL *curl = client->curl;
    struct yg_text url = {0};

    list = append(list, "Expect:");
    if (list != NULL && client->authorization.len > 0)
        list = append(list, client->authorization.ptr);
    if (list == NULL)
        return NULL;
    yg_text_printf(&url, "%s%s", client->base.ptr, path);
    if (yg_text_failed(&url) || curl_easy_setopt(curl, CURLOPT_URL, url.ptr) != CURLE_OK) {
        yg_text_done(&url);
        curl_slist_free_all(list);
        return NULL;
    }
    yg_text_done(&url);
    if (client->unix_path != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->unix_path);
    if (client->where->ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->where->ca);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "yodel/" YODEL_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->where->max_ms);
    return list;
}

static bool may_not_open(const struct yg_api_client *client)
{
    return client->unix_path != NULL && access(client->unix_path, W_OK) != 0 && errno == EACCES;
}

int yg_api_transfer_failed(struct yg_api_client *client, CURLcode code)
{
    const struct yg_api_where *where = client->where;

    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return no_memory(where);
    case CURLE_OPERATION_TIMEDOUT:
        return yg_api_say(where, YG_EXIT_TIMEOUT, "%s: no answer in time", client->url);
    case CURLE_SSL_CACERT_BADFILE:
        return yg_api_say(where, YG_EXIT_CONFIG, "%s: not a file of authorities", where->ca);
    case CURLE_WRITE_ERROR:
        return yg_api_say(where, YG_EXIT_FAILED, "%s: the answer could not be taken", client->url);
    default:
        if (may_not_open(client))
            return yg_api_say(where, YG_EXIT_REFUSED, "%s: %s", client->url, strerror(EACCES));
        return yg_api_say(where, YG_EXIT_UNREACHABLE, "%s: %s", client->url,
                          curl_easy_strerror(code));
    }
}

static size_t take(char *ptr, size_t size, size_t num, void *user)
{
    struct yg_text *body = user;

    if (num * size > MAX_ANSWER - body->len)
        return 0;
    yg_text_add(body, ptr, num * size);
    return yg_text_failed(body) ? 0 : num * size;
}

static struct curl_slist *headers_of(const struct yg_api_request *request)
{
    struct yg_text line = {0};
    struct curl_slist *list = append(NULL, "Accept: application/json");

    if (list != NULL && request->type != NULL) {
        yg_text_printf(&line, "Content-Type: %s", request->type);
        list = append(list, yg_text_string(&line));
    }
    if (list != NULL && request->idempotency_key != NULL) {
        yg_text_reset(&line);
        yg_text_printf(&line, "Idempotency-Key: %s", request->idempotency_key);
        list = append(list, yg_text_string(&line));
    }
    if (yg_text_failed(&line)) {
        curl_slist_free_all(list);
        list = NULL;
    }
    yg_text_done(&line);
    return list;
}

static void set_body(CURL *curl, const struct yg_api_request *request)
{
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (request->type != NULL) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

int yg_api_ask(struct yg_api_client *client, const struct yg_api_request *request,
               struct yg_api_answer *ret_answer)
{
    struct curl_slist *list = headers_of(request);
    char error[160];
    CURLcode code;

    *ret_answer = (struct yg_api_answer){0};
    if (list == NULL || (list = yg_api_prepare(client, request->path, list)) == NULL)
        return no_memory(client->where);
    set_body(client->curl, request);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &ret_answer->body);
    code = curl_easy_perform(client->curl);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    if (code != CURLE_OK)
        return yg_text_failed(&ret_answer->body) ? no_memory(client->where)
                                                 : yg_api_transfer_failed(client, code);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
    if (ret_answer->body.len > 0 && yg_json_parse(ret_answer->body.ptr, ret_answer->body.len, error,
                                                  &ret_answer->json) == -ENOMEM)
        return no_memory(client->where);
    return 0;
}

void yg_api_answer_done(struct yg_api_answer *answer)
{
    yg_text_done(&answer->body);
    json_decref(answer->json);
    answer->json = NULL;
}

/* ---- what an answer means ---- */

int yg_api_exit_of(long status, const char *code)
{
    const enum yg_problem problem = code != NULL ? yg_problem_of(code) : YG_PROBLEM_NONE;

    switch (problem) {
    case YG_PROBLEM_UNKNOWN_NAMESPACE:
    case YG_PROBLEM_UNKNOWN_SOCKET:
        return YG_EXIT_FAILED;
    case YG_PROBLEM_CONFIG_REFUSED:
        return YG_EXIT_CONFIG;
    case YG_PROBLEM_ACK_TIMEOUT:
    case YG_PROBLEM_RATE_LIMITED:
        return YG_EXIT_TIMEOUT;
    default:
        break;
    }
    if (status == 401 || status == 403)
        return YG_EXIT_REFUSED;
    if (status == 400 || status == 413 || status == 415 || status == 422)
        return YG_EXIT_DATA;
    if (status == 429 || status == 504)
        return YG_EXIT_TIMEOUT;
    return status == 404 || status == 502 || status == 503 ? YG_EXIT_UNREACHABLE : YG_EXIT_FAILED;
}

/* The words of a problem: its title, what exactly, and where. */
static void say_problem(const struct yg_api_client *client, const json_t *problem)
{
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *pointer = json_string_value(json_object_get(problem, "pointer"));

    yg_api_say(client->where, 0, "%s%s%s%s%s", title != NULL ? title : "it failed",
               pointer != NULL && *pointer != '\0' ? ": " : "",
               pointer != NULL && *pointer != '\0' ? pointer : "", detail != NULL ? ": " : "",
               detail != NULL ? detail : "");
}

int yg_api_check(const struct yg_api_client *client, const struct yg_api_answer *answer)
{
    const char *code = json_string_value(json_object_get(answer->json, "code"));
    const bool is_good = answer->status >= 200 && answer->status < 300;

    if (is_good && json_is_object(answer->json))
        return 0;
    if (code == NULL)
        return yg_api_say(
            client->where, is_good ? YG_EXIT_UNREACHABLE : yg_api_exit_of(answer->status, NULL),
            "%s: there is no API of yodel here (status %ld)", client->url, answer->status);
    if (client->where->as_json)
        fprintf(stderr, "%s\n", answer->body.ptr);
    else
        say_problem(client, answer->json);
    return yg_api_exit_of(answer->status, code);
}

/* ---- paths ---- */

bool yg_api_put_part(struct yg_api_client *client, struct yg_text *path, const char *value)
{
    char *escaped = curl_easy_escape(client->curl, value, (int)strlen(value));

    if (escaped == NULL)
        return false;
    yg_text_puts(path, escaped);
    curl_free(escaped);
    return !yg_text_failed(path);
}

bool yg_api_put_query(struct yg_api_client *client, struct yg_text *path, const char *name,
                      const char *value)
{
    yg_text_printf(path, "%c%s=", strchr(yg_text_string(path), '?') == NULL ? '?' : '&', name);
    return yg_api_put_part(client, path, value);
}
