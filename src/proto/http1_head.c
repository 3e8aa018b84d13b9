/* SPDX-License-Identifier: MIT */
#include "proto/http1.h"
#include "proto/http1_target.h"

static yodel_str view(const uint8_t *head, size_t pos, size_t len)
{
    return (yodel_str){(const char *)head + pos, len};
}

static enum yd_http_body body_of(const struct yd_http_scan *scan)
{
    if (scan->has_coding)
        return YD_HTTP_BODY_CHUNKED;
    return scan->content_length > 0 ? YD_HTTP_BODY_LENGTH : YD_HTTP_BODY_NONE;
}

static void read_target(const struct yd_http_scan *scan, const uint8_t *bytes,
                        struct yd_http_head *head)
{
    const char *error;

    head->method = view(bytes, 0, scan->method_len);
    head->target = view(bytes, scan->method_len + 1u, scan->target_len);
    (void)yd_http_split_target(head, &error); /* the scan has had it split */
}

static void read_lines(const struct yd_http_scan *scan, const uint8_t *bytes,
                       struct yd_http_head *head)
{
    for (uint32_t i = 0; i < scan->num_lines; i++) {
        const struct yd_http_line *line = &scan->lines[i];

        head->fields[i].name = view(bytes, line->name, line->name_len);
        head->fields[i].value = view(bytes, line->value, line->value_len);
    }
    head->num_fields = scan->num_lines;
    /* RFC 9112 3.2.2: the authority of an absolute form stands in for Host. */
    if (head->host.ptr == NULL && scan->has_host)
        head->host = head->fields[scan->host_line].value;
}

void yd_http_head_of(const struct yd_http_scan *scan, const uint8_t *head,
                     struct yd_http_field *fields, struct yd_http_head *ret_head)
{
    bool is_old = scan->minor == 0;

    *ret_head = (struct yd_http_head){
        .minor = scan->minor,
        .keep_alive = !scan->has_close && (!is_old || scan->has_keep_alive),
        .upgrade = !is_old && scan->has_upgrade && scan->has_upgrade_field,
        .body = body_of(scan),
        .content_length = scan->content_length,
        .fields = fields,
    };
    ret_head->expect_continue =
        !is_old && scan->wants_continue && ret_head->body != YD_HTTP_BODY_NONE;
    read_target(scan, head, ret_head);
    read_lines(scan, head, ret_head);
}
