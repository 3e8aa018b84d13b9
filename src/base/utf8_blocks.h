/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_UTF8_BLOCKS_H
#define YD_BASE_UTF8_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* Less is not worth a call. */
#define YD_UTF8_BLOCKS_LEAST 64

/*
 * Skips whole characters of UTF-8 a block at a time, with the vectors that this processor has.
 * data is at the beginning of a character.
 *
 * Returns where the first character begins that was not skipped: near end, at or ahead of what is
 * no UTF-8, or data itself where there are no such vectors.  Who calls it looks at the rest.
 */
const uint8_t *yd_utf8_skip_blocks(const uint8_t *data, const uint8_t *end);

#endif
