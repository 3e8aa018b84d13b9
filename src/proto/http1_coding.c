/* SPDX-License-Identifier: MIT */
#include "proto/http1.h"
#include "proto/http1_chars.h"

#include <string.h>

#include "base/container.h"

/* What a client says of codings (RFC 9110 12.4.2, 12.5.3). */

/* Malformed ones count as none. */
static int parse_weight(yodel_str text)
{
    int weight = 0, scale = 1000;

    for (size_t i = 0; i < text.len; i++) {
        if (i == 1 && text.ptr[i] == '.')
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i > 4)
            return 0;
        weight += (text.ptr[i] - '0') * scale;
        scale /= 10;
    }
    return weight <= 1000 ? weight : 0;
}

int yd_http_take_weight(yodel_str *element)
{
    const char *mark = memchr(element->ptr, ';', element->len);
    yodel_str rest;

    if (mark == NULL)
        return 1000;
    rest = yd_http_trim((yodel_str){mark + 1, (size_t)(element->ptr + element->len - mark - 1)});
    *element = yd_http_trim((yodel_str){element->ptr, (size_t)(mark - element->ptr)});
    if (rest.len < 2 || (rest.ptr[0] != 'q' && rest.ptr[0] != 'Q') || rest.ptr[1] != '=')
        return 0;
    return parse_weight((yodel_str){rest.ptr + 2, rest.len - 2});
}

/* Weights by name; -1: not named. */
struct weights {
    int br, gzip, identity, others;
};

static int *weight_of(struct weights *weights, yodel_str name)
{
    if (yd_str_eq_nocase(name, YODEL_STR("br")))
        return &weights->br;
    if (yd_str_eq_nocase(name, YODEL_STR("gzip")) || yd_str_eq_nocase(name, YODEL_STR("x-gzip")))
        return &weights->gzip;
    if (yd_str_eq_nocase(name, YODEL_STR("identity")))
        return &weights->identity;
    return yodel_str_eq(name, YODEL_STR("*")) ? &weights->others : NULL;
}

static void read_field(yodel_str list, struct weights *weights)
{
    yodel_str element;

    while (yd_http_list_next(&list, &element)) {
        int weight = yd_http_take_weight(&element);
        int *which = weight_of(weights, element);

        if (which != NULL)
            *which = YD_MAX(*which, weight);
    }
}

void yd_http_accepted_codings(const struct yd_http_head *head, struct yd_http_codings *ret_codings)
{
    struct weights weights = {-1, -1, -1, -1};
    int others;

    for (size_t i = 0; i < head->num_fields; i++)
        if (yd_str_eq_nocase(head->fields[i].name, YODEL_STR("Accept-Encoding")))
            read_field(head->fields[i].value, &weights);
    others = YD_MAX(weights.others, 0);
    ret_codings->br = weights.br >= 0 ? weights.br : others;
    ret_codings->gzip = weights.gzip >= 0 ? weights.gzip : others;
    ret_codings->identity = YD_MAX(weights.identity, 0);
}
