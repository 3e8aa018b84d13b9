/* SPDX-License-Identifier: MIT */
#include "proto/http1.h"
#include "proto/http1_chars.h"

yodel_str yd_http_field(const struct yd_http_head *head, yodel_str name)
{
    for (size_t i = 0; i < head->num_fields; i++)
        if (yd_str_eq_nocase(head->fields[i].name, name))
            return head->fields[i].value;
    return (yodel_str){NULL, 0};
}

size_t yd_http_count_fields(const struct yd_http_head *head, yodel_str name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->num_fields; i++)
        if (yd_str_eq_nocase(head->fields[i].name, name))
            count++;
    return count;
}

/* Where the element that begins at text ends: at a comma outside quotes, or with the text. */
static size_t element_len(yodel_str text)
{
    bool quoted = false;
    size_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == ',' && !quoted)
            return i;
        if (c == '"')
            quoted = !quoted;
        else if (c == '\\' && quoted && i + 1 < text.len)
            i++;
    }
    return i;
}

static yodel_str trimmed(const char *ptr, size_t len)
{
    while (len > 0 && yd_http_char_is_blank((uint8_t)ptr[len - 1]))
        len--;
    for (; len > 0 && yd_http_char_is_blank((uint8_t)*ptr); len--)
        ptr++;
    return (yodel_str){ptr, len};
}

bool yd_http_list_next(yodel_str *list, yodel_str *ret_element)
{
    while (list->len > 0) {
        size_t len = element_len(*list);
        size_t taken = len < list->len ? len + 1 : len;
        yodel_str element = trimmed(list->ptr, len);

        list->ptr += taken;
        list->len -= taken;
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

bool yd_http_list_has(yodel_str list, yodel_str token)
{
    yodel_str element;

    while (yd_http_list_next(&list, &element))
        if (yd_str_eq_nocase(element, token))
            return true;
    return false;
}

bool yd_http_fields_have(const struct yd_http_head *head, yodel_str name, yodel_str token)
{
    for (size_t i = 0; i < head->num_fields; i++)
        if (yd_str_eq_nocase(head->fields[i].name, name) &&
            yd_http_list_has(head->fields[i].value, token))
            return true;
    return false;
}
