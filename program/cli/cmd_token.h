/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CMD_TOKEN_H
#define YG_CLI_CMD_TOKEN_H

/*
 * `yodel token sign | check | key` and `yodel hash-password`: argv[0] is the command's own word.
 * Results go to the standard output, as text or, by `-o json`, as one object a line; words about
 * them to the standard error.
 *
 * Returns the status to exit with: 0; 1: a file or memory failed; 64: usage; 65: a key, a grant or
 * a password that cannot be used, a token that is refused.
 */
int yg_cmd_token(int argc, char **argv);
int yg_cmd_hash_password(int argc, char **argv);

#endif
