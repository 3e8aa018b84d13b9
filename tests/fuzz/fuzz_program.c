/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "program/program.h"

/* Random programs for a whole server: program/program.h says what one is.  PROGRAM_TRACE=1 in the
 * environment prints every step. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return program_run(data, size, getenv("PROGRAM_TRACE") != NULL);
}
