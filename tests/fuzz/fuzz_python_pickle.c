/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/python_out.h"
#include "adapter/python_pickle.h"
#include "base/mem.h"
#include "proto/json_scan.h"
#include "proto/sio_packet.h"

/* The input is a pickle.  What is read of it is JSON, and that, as a pickle, is the same. */

#define MAX_LEN 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

/* The JSON of a pickle's root in *ret_json. */
static int convert(yodel_bytes bytes, struct yd_pickle_binary *binary, struct yd_buf *ret_json)
{
    struct yd_pickle pickle;
    int rc = yd_pickle_read(&yd_mem_default, bytes, &pickle);

    if (rc < 0)
        return rc;
    rc = yd_pickle_put_json(&pickle, pickle.root, MAX_LEN, binary, ret_json);
    yd_pickle_free(&pickle);
    return rc;
}

static void check_again(const struct yd_buf *json, const struct yd_pickle_binary *binary)
{
    yodel_bytes data[YD_SIO_MAX_ATTACHMENTS];
    struct yd_pickle_binary binary_again = {data, 0, YD_SIO_MAX_ATTACHMENTS};
    struct yd_buf pickle = {0}, again = {0};
    struct yd_python_out out = {&yd_mem_default, &pickle, true, false, 0};
    yodel_str text = {(const char *)json->ptr, json->len}, value;

    require(yd_json_check(text, YD_JSON_DEPTH, &value) && value.len == text.len);
    /* objects that look like placeholders are none of ours: their bytes are not there */
    if (yd_sio_placeholders_count(text, (uint32_t)binary->num) != (int)binary->num)
        return;
    yd_python_begin(&out);
    yd_python_values(&out, text, binary->data, binary->num);
    yd_python_end(&out);
    require(out.rc == 0);
    require(convert((yodel_bytes){pickle.ptr, pickle.len}, &binary_again, &again) == 0);
    require(again.len == json->len && memcmp(again.ptr, json->ptr, json->len) == 0);
    require(binary_again.num == binary->num);
    for (size_t i = 0; i < binary->num; i++)
        require(data[i].len == binary->data[i].len);
    yd_buf_free(&yd_mem_default, &pickle);
    yd_buf_free(&yd_mem_default, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yodel_bytes found[YD_SIO_MAX_ATTACHMENTS];
    struct yd_pickle_binary binary = {found, 0, YD_SIO_MAX_ATTACHMENTS};
    struct yd_buf json = {0};

    if (convert((yodel_bytes){data, size}, &binary, &json) == 0)
        check_again(&json, &binary);
    yd_buf_free(&yd_mem_default, &json);
    return 0;
}
