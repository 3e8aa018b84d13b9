/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/cmd_token.h"

/* The commands about tokens alone: what the tests run, and the oracle. */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "token") == 0)
        return yg_cmd_token(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "hash-password") == 0)
        return yg_cmd_hash_password(argc - 1, argv + 1);
    fprintf(stderr, "Usage: token_cli token | hash-password\n");
    return 64;
}
