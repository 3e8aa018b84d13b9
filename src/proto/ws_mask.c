/* SPDX-License-Identifier: MIT */
#include "proto/ws_mask.h"

#include "proto/ws_frame.h"

void yd_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t offset)
{
    uint8_t turned[4];
    size_t i;

    for (i = 0; i < sizeof(turned); i++)
        turned[i] = key[(offset + i) & 3];
    yd_ws_mask_inline(data, len, turned);
}
