/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "proto/ws_handshake.h"

/* The input is a byte of policy and lines: each a letter that stands for a field's name, and its
 * value.  'p' is the pattern that origins are matched with. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FIELDS 32

static void require(int holds)
{
    if (!holds)
        abort();
}

struct request {
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_head head;
    yodel_str origin, pattern;
};

static yodel_str trim(yodel_str text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static yodel_str name_of(char letter)
{
    switch (letter) {
    case 'e':
        return YODEL_STR("Sec-WebSocket-Extensions");
    case 's':
        return YODEL_STR("sec-websocket-protocol");
    case 'k':
        return YODEL_STR("Sec-WebSocket-Key");
    case 'v':
        return YODEL_STR("Sec-WebSocket-Version");
    case 'u':
        return YODEL_STR("Upgrade");
    default:
        return YODEL_STR("X-Other");
    }
}

static void add_line(struct request *request, yodel_str line)
{
    yodel_str value;

    if (line.len == 0)
        return;
    value = trim((yodel_str){line.ptr + 1, line.len - 1});
    if (line.ptr[0] == 'o')
        request->origin = value;
    else if (line.ptr[0] == 'p')
        request->pattern = value;
    else if (request->head.num_fields < MAX_FIELDS && yd_http_is_field_value(value))
        request->fields[request->head.num_fields++] =
            (struct yd_http_field){name_of(line.ptr[0]), value};
}

static void read_lines(struct request *request, const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;

        add_line(request, (yodel_str){text, n});
        n += end != NULL;
        text += n;
        len -= n;
    }
}

static void check_request(const struct yd_http_head *head)
{
    const char *error = NULL;
    yodel_str key = {NULL, 0};
    int result = yd_ws_check_request(head, &key, &error);

    require(result == 0 || result == 1 || result == -400 || result == -405 || result == -426);
    require((result == 0) == (key.len == YD_WS_KEY_LEN));
    require((result < 0) == (error != NULL));
}

static void check_params(const struct yd_ws_deflate_params *params,
                         const struct yd_ws_deflate_policy *policy)
{
    require(params->server_bits >= 9 && params->server_bits <= policy->server_bits);
    require(params->client_bits >= 9 && params->client_bits <= 15);
    require(params->answer_server_bits || params->server_bits == 15);
    require(params->client_bits <= policy->client_bits || !params->answer_client_bits);
    require(policy->server_context || params->server_no_context);
    require(policy->client_context || params->client_no_context);
}

/* An answer, offered, is answered by itself. */
static void check_extension(const struct yd_http_head *head,
                            const struct yd_ws_deflate_policy *policy)
{
    struct yd_ws_deflate_params params, again;
    char text[YD_WS_EXTENSION_MAX], text_again[YD_WS_EXTENSION_MAX];
    struct yd_http_field field = {YODEL_STR("Sec-WebSocket-Extensions"), {text, 0}};
    const struct yd_http_head answer = {.fields = &field, .num_fields = 1};

    yd_ws_choose_deflate(head, policy, &params);
    if (!params.on)
        return;
    check_params(&params, policy);
    yd_ws_write_extension(&params, text);
    field.value.len = strlen(text);
    require(field.value.len < sizeof(text) - 1);
    yd_ws_choose_deflate(&answer, policy, &again);
    require(again.on);
    yd_ws_write_extension(&again, text_again);
    require(strcmp(text, text_again) == 0);
}

static void check_subprotocols(const struct yd_http_head *head)
{
    size_t i;

    for (i = 0; yd_ws_subprotocol(head, i).ptr; i++) {
        yodel_str name = yd_ws_subprotocol(head, i);

        require(yd_http_is_token(name));
        require(yd_ws_offers_subprotocol(head, name));
    }
    require(i <= YD_WS_MAX_SUBPROTOCOLS);
}

static void check_origin(yodel_str origin, yodel_str pattern)
{
    require(yd_ws_origin_matches(origin, YODEL_STR("*")));
    if (yd_ws_origin_matches(origin, pattern) && !yodel_str_eq(pattern, YODEL_STR("*")))
        require(yd_ws_origin_matches(origin, origin));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request = {0};
    struct yd_ws_deflate_policy policy;
    char *text;

    if (size < 1)
        return 0;
    text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    request.head.fields = request.fields;
    request.head.method = YODEL_STR("GET");
    request.head.upgrade = true;
    read_lines(&request, text, size - 1);
    policy = (struct yd_ws_deflate_policy){data[0] & 1, data[0] & 2, 9 + (data[0] >> 2) % 7,
                                           9 + (data[0] >> 5) % 7};
    check_request(&request.head);
    check_extension(&request.head, &policy);
    check_subprotocols(&request.head);
    check_origin(request.origin, request.pattern);
    free(text);
    return 0;
}
