/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/client_parts.h"
#include "http/reply_headers.h"

#define MAX_HEAD 65536  /* bytes of an answer's heads, those of 1xx and trailers included */
#define KEEP_BODY 65536 /* bytes of memory that an idle transfer keeps */

/* ---- what comes ---- */

/* A line of a head.  An end within it is an end of the answer for libcurl. */
static size_t on_head(char *ptr, size_t size, size_t num, void *user)
{
    struct yg_transfer *transfer = user;
    const size_t len = size * num;

    if (transfer->head_len == 0)
        yg_sockets_answered(transfer);
    if (len > 5 && memcmp(ptr, "HTTP/", 5) == 0)
        transfer->has_head = false;
    else if (len > 0 && (*ptr == '\r' || *ptr == '\n'))
        transfer->has_head = true;
    transfer->head_len += len;
    transfer->num_lines = transfer->has_head ? 0 : transfer->num_lines + 1;
    if (transfer->head_len <= MAX_HEAD && transfer->num_lines <= 1 + YG_REPLY_MAX_LINES)
        return len;
    transfer->failure = -E2BIG;
    return 0;
}

/* Whether an answer is longer than may be kept.  libcurl's own limit would end it within its head,
 * at the line of the length, so the lines below that would be missing. */
static bool is_too_long(const struct yg_transfer *transfer, size_t len)
{
    const size_t max = transfer->call->client->options.max_body;
    curl_off_t announced = -1;

    if (transfer->body.len == 0)
        (void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    return len > max - transfer->body.len || (announced > 0 && (uint64_t)announced > max);
}

static size_t on_body(char *ptr, size_t size, size_t num, void *user)
{
    struct yg_transfer *transfer = user;
    const size_t len = size * num;

    if (is_too_long(transfer, len)) {
        transfer->failure = -E2BIG;
        return 0;
    }
    yg_text_add(&transfer->body, ptr, len);
    if (!yg_text_failed(&transfer->body))
        return len;
    transfer->failure = -ENOMEM;
    return 0;
}

/* ---- handles ---- */

/* Each handle would read them anew, and keep them. */
static CURLcode share_authorities(CURL *easy, void *to, void *user)
{
    (void)easy;
    SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(user));
    return CURLE_OK;
}

/* Those alone: libcurl looks into the system's folder, too, if it is not told. */
static bool set_authorities(CURL *easy, const struct yg_http_client_options *options)
{
    const char *file = options->ca != NULL && *options->ca != '\0' ? options->ca : NULL;

    if (file == NULL && options->tls == NULL)
        return true;
    return curl_easy_setopt(easy, CURLOPT_CAINFO, file) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           (options->tls == NULL ||
            (curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, share_authorities) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, options->tls) == CURLE_OK));
}

/* Where it goes to, and whether that must show who it is. */
static bool set_servers(CURL *easy, const struct yg_http_client_options *options)
{
    return set_authorities(easy, options) &&
           (!options->is_insecure ||
            (curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK)) &&
           (options->addresses == NULL ||
            curl_easy_setopt(easy, CURLOPT_RESOLVE, options->addresses) == CURLE_OK);
}

/* What is the same for all requests.  QUICK_EXIT: a name that is being looked up is given up, not
 * waited for. */
static bool set_up(struct yg_http_client *client, struct yg_transfer *transfer)
{
    CURL *easy = transfer->easy;

    return set_servers(easy, &client->options) &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
           yg_sockets_set_up(client, transfer);
}

static struct yg_transfer *make(struct yg_http_client *client)
{
    struct yg_transfer *transfer = calloc(1, sizeof(*transfer));

    if (transfer == NULL)
        return NULL;
    transfer->easy = curl_easy_init();
    if (transfer->easy != NULL && set_up(client, transfer))
        return transfer;
    yg_transfer_free(transfer);
    return NULL;
}

static bool is_for(const struct yg_transfer *transfer, const struct yg_http_call *call)
{
    return transfer->key != NULL && strcmp(transfer->key, call->key) == 0;
}

/* An idle one, set to the same URL if there is such a one; NULL: none. */
static struct yg_transfer *take_idle(struct yg_http_client *client, const struct yg_http_call *call)
{
    struct yg_transfer **at = &client->idle, *transfer;

    while (*at != NULL && !is_for(*at, call))
        at = &(*at)->next;
    if (*at == NULL)
        at = &client->idle;
    if ((transfer = *at) != NULL)
        *at = transfer->next;
    return transfer;
}

/* Parsing is a fifth of what a request costs. */
static CURLU *parse(const char *url)
{
    CURLU *parts = curl_url();

    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
        return parts;
    curl_url_cleanup(parts);
    return NULL;
}

/* As a text, too, which libcurl has its own retries by. */
static bool set_url(struct yg_transfer *transfer, const struct yg_http_call *call)
{
    const size_t size = strlen(call->key) + 1;
    CURL *easy = transfer->easy;

    if (is_for(transfer, call))
        return true;
    free(transfer->key);
    transfer->key = NULL;
    (void)curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
    curl_url_cleanup(transfer->parts);
    transfer->parts = parse(call->url);
    if (curl_easy_setopt(easy, CURLOPT_CURLU, transfer->parts) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_URL, call->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->path) != CURLE_OK)
        return false;
    transfer->key = malloc(size);
    if (transfer->key != NULL)
        memcpy(transfer->key, call->key, size);
    return transfer->key != NULL;
}

static bool set_connect_timeout(struct yg_transfer *transfer, const struct yg_http_call *call)
{
    const long ms = call->connect_timeout_ms;

    if (transfer->connect_timeout_ms == call->connect_timeout_ms)
        return true;
    transfer->connect_timeout_ms = call->connect_timeout_ms;
    return curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, ms) == CURLE_OK;
}

/* Whether it may have a connection that is kept. */
static bool set_again(struct yg_transfer *transfer, bool is_again)
{
    if (transfer->is_again == is_again)
        return true;
    transfer->is_again = is_again;
    return curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, is_again ? 1L : 0L) == CURLE_OK;
}

static bool set_method(struct yg_transfer *transfer, bool is_get)
{
    if (transfer->is_get == is_get)
        return true;
    transfer->is_get = is_get;
    return curl_easy_setopt(transfer->easy, is_get ? CURLOPT_HTTPGET : CURLOPT_POST, 1L) ==
           CURLE_OK;
}

static bool set_body(CURL *easy, yodel_str body)
{
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.len > 0 ? body.ptr : "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK;
}

/* Whether it only makes a connection, which is no other's. */
static bool set_to_wire(struct yg_transfer *transfer, bool is_to_wire)
{
    if (transfer->is_to_wire == is_to_wire)
        return true;
    transfer->is_to_wire = is_to_wire;
    return curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_ONLY, is_to_wire ? 1L : 0L) == CURLE_OK;
}

static bool set_call(struct yg_transfer *transfer, const struct yg_http_call *call)
{
    return set_url(transfer, call) && set_connect_timeout(transfer, call) &&
           set_again(transfer, false) && set_to_wire(transfer, call->is_plain) &&
           (call->is_get || set_body(transfer->easy, call->body)) &&
           set_method(transfer, call->is_get) &&
           curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

/* ---- their life ---- */

int yg_transfer_begin(struct yg_http_call *call)
{
    struct yg_http_client *client = call->client;
    struct yg_transfer *transfer;

    if (yg_sockets_start(client) < 0)
        return -ENOMEM;
    if (call->is_plain)
        yg_wire_make_room(client);
    transfer = take_idle(client, call);
    if (transfer == NULL && (transfer = make(client)) == NULL)
        return -ENOMEM;
    transfer->call = call;
    transfer->failure = 0;
    transfer->head_len = 0;
    transfer->num_lines = 0;
    transfer->has_head = false;
    transfer->fd = -1;
    transfer->error[0] = '\0';
    if (!set_call(transfer, call) ||
        curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK) {
        transfer->call = NULL;
        yg_transfer_free(transfer);
        return -ENOMEM;
    }
    call->transfer = transfer;
    client->num_running++;
    return 0;
}

/* libcurl does so itself when the connection has ended before anything was sent, or when it ends
 * instead of an answer; not when it ends, or is reset, while a long body is sent. */
bool yg_transfer_again(struct yg_transfer *transfer, CURLcode code)
{
    CURLM *multi = transfer->call->client->multi;
    long num_made = 1;

    if (transfer->is_to_wire)
        return false;
    if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING)
        return false;
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &num_made);
    if (transfer->is_again || num_made > 0 || transfer->head_len > 0 || transfer->failure < 0)
        return false;
    (void)curl_multi_remove_handle(multi, transfer->easy);
    return set_again(transfer, true) && curl_multi_add_handle(multi, transfer->easy) == CURLM_OK;
}

void yg_transfer_end(struct yg_transfer *transfer)
{
    struct yg_http_client *client = transfer->call->client;

    (void)curl_multi_remove_handle(client->multi, transfer->easy);
    transfer->call->transfer = NULL;
    transfer->call = NULL;
    client->num_running--;
}

void yg_transfer_release(struct yg_http_client *client, struct yg_transfer *transfer)
{
    yg_text_reset(&transfer->body);
    if (transfer->body.cap > KEEP_BODY)
        yg_text_done(&transfer->body);
    transfer->next = client->idle;
    client->idle = transfer;
}

void yg_transfer_free(struct yg_transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->easy);
    curl_url_cleanup(transfer->parts);
    yg_text_done(&transfer->body);
    free(transfer->key);
    free(transfer);
}

/* ---- replies ---- */

/* The n-th value of a header of the last answer; NULL: there is none. */
static const char *header(const struct yg_transfer *transfer, const char *name, size_t n)
{
    struct curl_header *found;

    return curl_easy_header(transfer->easy, name, n, CURLH_HEADER, -1, &found) == CURLHE_OK
               ? found->value
               : NULL;
}

const char *yg_http_reply_header(const struct yg_http_reply *reply, const char *name, size_t n)
{
    if (reply->reader != NULL)
        return yg_reply_reader_header(reply->reader, name, n);
    return reply->transfer != NULL ? header(reply->transfer, name, n) : NULL;
}

void yg_transfer_read_headers(struct yg_http_reply *reply)
{
    struct yg_cache_control control = {0};
    const char *value = yg_http_reply_header(reply, "Content-Type", 0);

    reply->is_json = value != NULL && yg_is_json_type(value);
    if ((value = yg_http_reply_header(reply, "Retry-After", 0)) != NULL)
        reply->retry_after_ms = yg_retry_after_ms(value, yg_clock_wall_ms() / 1000);
    for (size_t n = 0; (value = yg_http_reply_header(reply, "Cache-Control", n)) != NULL; n++)
        yg_cache_control_add(&control, value);
    reply->max_age_s = yg_cache_control_age_s(&control);
}

static int connect_result(struct yg_transfer *transfer)
{
    long error = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
    /* The file of a Unix socket is missing. */
    return error == ECONNREFUSED || error == ENOENT ? -ECONNREFUSED : -EIO;
}

static int result_of(struct yg_transfer *transfer, CURLcode code)
{
    if (transfer->failure < 0)
        return transfer->failure;
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_COULDNT_CONNECT:
        return connect_result(transfer);
    default:
        return -EIO;
    }
}

static const char *error_of(const struct yg_transfer *transfer, int result, CURLcode code)
{
    if (result == -E2BIG)
        return "the answer is too large";
    if (result == -ENOMEM)
        return "out of memory";
    return transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
}

void yg_transfer_reply(struct yg_transfer *transfer, CURLcode code, struct yg_http_reply *reply)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && (!transfer->has_head || status < 200))
        code = CURLE_PARTIAL_FILE;
    reply->result = result_of(transfer, code);
    if (reply->result < 0)
        reply->error = error_of(transfer, reply->result, code);
    else
        reply->body = (yodel_str){transfer->body.ptr, transfer->body.len};
    if (reply->result == 0 || (reply->result == -E2BIG && transfer->has_head && status >= 200)) {
        reply->transfer = transfer;
        reply->status = (unsigned)status;
        yg_transfer_read_headers(reply);
    }
}
