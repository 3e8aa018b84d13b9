/* SPDX-License-Identifier: MIT */
#include "adapter/room_names.h"

#include <errno.h>

#include "base/mem.h"
#include "proto/json_scan.h"

static bool get_name(yodel_str value, yodel_str *ret_name)
{
    *ret_name = value;
    if (yd_json_type_of(value) == YD_JSON_NUMBER)
        return true;
    if (!yd_json_body(value, ret_name))
        return false;
    if (yd_json_is_escaped(*ret_name))
        ret_name->len =
            (size_t)(yd_json_unescape((char *)ret_name->ptr, *ret_name) - ret_name->ptr);
    return true;
}

int yd_names_read(const struct yodel_allocator *mem, yodel_str array, struct yd_names *ret_names)
{
    struct yd_json_iter iter = yd_json_array(array);
    struct yd_names names = {NULL, 0};
    size_t num = yd_json_count(iter);
    yodel_str value;

    if (array.len > 0 && yd_json_type_of(array) != YD_JSON_ARRAY)
        return YODEL_ERR_PROTOCOL;
    if (num > 0 && (names.list = yd_alloc_array(mem, num, sizeof *names.list)) == NULL)
        return -ENOMEM;
    while (yd_json_next(&iter, &value))
        if (!get_name(value, &names.list[names.num++])) {
            yd_names_done(&names, mem);
            return YODEL_ERR_PROTOCOL;
        }
    *ret_names = names;
    return 0;
}

void yd_names_done(struct yd_names *names, const struct yodel_allocator *mem)
{
    yd_free(mem, names->list);
    *names = (struct yd_names){NULL, 0};
}
