/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "hook/signature.h"

/* sign_cli ID SECONDS BODY SECRET...: writes the signatures of a request, for tests/oracle. */
int main(int argc, char **argv)
{
    struct yg_text text = {0};

    if (argc < 5)
        return EXIT_FAILURE;
    if (yg_sign((const char *const *)argv + 4, (unsigned)argc - 4, argv[1], atoll(argv[2]),
                yodel_str_of(argv[3]), &text) < 0)
        return EXIT_FAILURE;
    puts(yg_text_string(&text));
    yg_text_done(&text);
    return EXIT_SUCCESS;
}
