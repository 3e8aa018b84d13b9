/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy_head.h"

/* The first byte says in which pieces the rest comes: the result is the same as for the whole. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static int take(struct yd_proxy_head *head, const uint8_t *data, size_t len, size_t step,
                size_t *ret_at)
{
    size_t used = 0;
    int rc = 0;

    memset(head, 0, sizeof *head);
    *ret_at = 0;
    while (*ret_at < len && rc == 0) {
        size_t more = step < len - *ret_at ? step : len - *ret_at;

        rc = yd_proxy_head_take(head, data + *ret_at, more, &used);
        require(rc < 0 || (used <= more && (rc == 1 || used == more)));
        *ret_at += rc < 0 ? 0 : used;
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_proxy_head whole, cut;
    size_t end, cut_end;
    int rc;

    if (size < 1)
        return 0;
    rc = take(&whole, data + 1, size - 1, size, &end);
    require(take(&cut, data + 1, size - 1, 1 + data[0] % 20, &cut_end) == rc);
    require(rc < 0 || cut_end == end);
    if (rc == 1)
        require(whole.has_from == cut.has_from && whole.is_tls == cut.is_tls &&
                memcmp(&whole.from, &cut.from, sizeof whole.from) == 0);
    return 0;
}
