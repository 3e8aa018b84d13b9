/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "proto/http1_chars.h"
#include "proto/ws_handshake.h"

/* What is left of a Sec-WebSocket-Extensions field. */
struct cursor {
    const char *at, *end;
};

/* A parameter's value: the longest that means anything here has two digits. */
struct value {
    bool present;
    char text[2];
    size_t len; /* may be more than there is room for */
};

enum {
    SERVER_NO_CONTEXT = 1 << 0,
    CLIENT_NO_CONTEXT = 1 << 1,
    SERVER_BITS = 1 << 2,
    CLIENT_BITS = 1 << 3
};

/* An extension as offered. */
struct offer {
    bool is_deflate; /* its name is permessage-deflate */
    bool is_bad;     /* with a parameter that must not be accepted (RFC 7692 7.1) */
    unsigned params; /* those that it has */
    uint8_t server_bits, client_bits; /* 0: without a value */
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && yd_http_char_is_blank((uint8_t)*cursor->at))
        cursor->at++;
}

/* Skips blanks and then c, if it is next (RFC 6455 2.1: blanks may stand between any two tokens).
 */
static bool skip_char(struct cursor *cursor, char c)
{
    skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

static bool take_token(struct cursor *cursor, yodel_str *ret_token)
{
    const char *begin;

    skip_blanks(cursor);
    begin = cursor->at;
    while (cursor->at < cursor->end && yd_http_char_is((uint8_t)*cursor->at, YD_CHAR_TOKEN))
        cursor->at++;
    *ret_token = (yodel_str){begin, (size_t)(cursor->at - begin)};
    return ret_token->len > 0;
}

static void add_char(struct value *value, char c)
{
    if (value->len < sizeof(value->text))
        value->text[value->len] = c;
    value->len++;
}

/* After the opening quote; ret may be NULL.  False when there is no closing one. */
static bool take_quoted(struct cursor *cursor, struct value *ret)
{
    for (; cursor->at < cursor->end; cursor->at++) {
        char c = *cursor->at;

        if (c == '"') {
            cursor->at++;
            return true;
        }
        if (c == '\\' && ++cursor->at == cursor->end)
            return false;
        if (ret)
            add_char(ret, *cursor->at);
    }
    return false;
}

static bool take_value(struct cursor *cursor, struct value *ret)
{
    yodel_str token;
    size_t i;

    ret->present = true;
    if (skip_char(cursor, '"'))
        return take_quoted(cursor, ret);
    if (!take_token(cursor, &token))
        return false;
    for (i = 0; i < token.len; i++)
        add_char(ret, token.ptr[i]);
    return true;
}

/* A number from 8 to 15 without leading zeros (RFC 7692 7.1.2); 0 for anything else. */
static uint8_t window_bits(const struct value *value)
{
    const char *text = value->text;

    if (value->len == 1 && (text[0] == '8' || text[0] == '9'))
        return (uint8_t)(text[0] - '0');
    if (value->len == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5')
        return (uint8_t)(10 + text[1] - '0');
    return 0;
}

static unsigned param_of(yodel_str name)
{
    static const struct {
        yodel_str name;
        unsigned param;
    } params[] = {
        {{"server_no_context_takeover", 26}, SERVER_NO_CONTEXT},
        {{"client_no_context_takeover", 26}, CLIENT_NO_CONTEXT},
        {{"server_max_window_bits", 22}, SERVER_BITS},
        {{"client_max_window_bits", 22}, CLIENT_BITS},
    };
    size_t i;

    for (i = 0; i < YD_LEN(params); i++) {
        if (yodel_str_eq(name, params[i].name))
            return params[i].param;
    }
    return 0;
}

/* RFC 7692 7.1: unknown, doubled and ill-valued parameters are declined. */
static void add_param(struct offer *offer, yodel_str name, const struct value *value)
{
    unsigned param = param_of(name);
    uint8_t bits = window_bits(value);

    if (param == 0 || (offer->params & param))
        offer->is_bad = true;
    else if (param == SERVER_BITS)
        offer->is_bad |= bits == 0;
    else if (param == CLIENT_BITS)
        offer->is_bad |= value->present && bits == 0;
    else
        offer->is_bad |= value->present;
    offer->params |= param;
    if (param == SERVER_BITS)
        offer->server_bits = bits;
    if (param == CLIENT_BITS)
        offer->client_bits = bits;
}

/* One extension, up to the comma after it (RFC 6455 9.1).  False when it is malformed; the cursor
 * is then where that was seen. */
static bool take_offer(struct cursor *cursor, struct offer *ret)
{
    yodel_str name;

    if (!take_token(cursor, &name))
        return false;
    ret->is_deflate = yodel_str_eq(name, YODEL_STR("permessage-deflate"));
    while (skip_char(cursor, ';')) {
        struct value value = {0};

        if (!take_token(cursor, &name))
            return false;
        if (skip_char(cursor, '=') && !take_value(cursor, &value))
            return false;
        add_param(ret, name, &value);
    }
    skip_blanks(cursor);
    return cursor->at == cursor->end || *cursor->at == ',';
}

/* To the end of a malformed extension.  Only ever forward, which keeps the whole linear. */
static void skip_offer(struct cursor *cursor)
{
    while (cursor->at < cursor->end && *cursor->at != ',') {
        if (*cursor->at++ == '"')
            take_quoted(cursor, NULL);
    }
}

/* False when the offer cannot be had, else what is answered. */
static bool accept_offer(const struct offer *offer, const struct yd_ws_deflate_policy *policy,
                         struct yd_ws_deflate_params *ret)
{
    /* zlib cannot compress into a raw window of 2^8 bytes. */
    if (!offer->is_deflate || offer->is_bad || offer->server_bits == 8)
        return false;
    ret->on = true;
    ret->server_no_context = !policy->server_context || (offer->params & SERVER_NO_CONTEXT);
    ret->client_no_context = !policy->client_context || (offer->params & CLIENT_NO_CONTEXT);
    ret->server_bits = policy->server_bits;
    if (offer->params & SERVER_BITS)
        ret->server_bits = YD_MIN(offer->server_bits, policy->server_bits);
    /* RFC 7692 7.1.2.1: stated when asked for, and may be stated unasked. */
    ret->answer_server_bits = (offer->params & SERVER_BITS) || ret->server_bits < 15;
    /* RFC 7692 7.1.2.2: nothing may be asked of a client that did not offer it.  For 8 nothing is
     * asked either: the largest window inflates whatever comes. */
    ret->client_bits = 15;
    ret->answer_client_bits = (offer->params & CLIENT_BITS) && offer->client_bits != 8;
    if (ret->answer_client_bits) {
        ret->client_bits = policy->client_bits;
        if (offer->client_bits != 0)
            ret->client_bits = YD_MIN(offer->client_bits, policy->client_bits);
    }
    return true;
}

static bool choose_in_field(yodel_str field, const struct yd_ws_deflate_policy *policy,
                            struct yd_ws_deflate_params *ret)
{
    struct cursor cursor = {field.ptr, field.ptr + field.len};

    while (cursor.at < cursor.end) {
        struct offer offer = {0};

        if (skip_char(&cursor, ','))
            continue;
        if (cursor.at == cursor.end)
            break;
        if (!take_offer(&cursor, &offer))
            skip_offer(&cursor);
        else if (accept_offer(&offer, policy, ret))
            return true;
    }
    return false;
}

void yd_ws_choose_deflate(const struct yd_http_head *head,
                          const struct yd_ws_deflate_policy *policy,
                          struct yd_ws_deflate_params *ret)
{
    size_t i;

    *ret = (struct yd_ws_deflate_params){0};
    for (i = 0; i < head->num_fields; i++) {
        const struct yd_http_field *field = &head->fields[i];

        if (yd_str_eq_nocase(field->name, YODEL_STR("Sec-WebSocket-Extensions")) &&
            field->value.len > 0 && choose_in_field(field->value, policy, ret))
            return;
    }
}

void yd_ws_write_extension(const struct yd_ws_deflate_params *params,
                           char ret_text[YD_WS_EXTENSION_MAX])
{
    char server_bits[32] = "", client_bits[32] = "";

    if (params->answer_server_bits)
        snprintf(server_bits, sizeof(server_bits), "; server_max_window_bits=%u",
                 params->server_bits);
    if (params->answer_client_bits)
        snprintf(client_bits, sizeof(client_bits), "; client_max_window_bits=%u",
                 params->client_bits);
    snprintf(ret_text, YD_WS_EXTENSION_MAX, "permessage-deflate%s%s%s%s",
             params->server_no_context ? "; server_no_context_takeover" : "",
             params->client_no_context ? "; client_no_context_takeover" : "", server_bits,
             client_bits);
}
