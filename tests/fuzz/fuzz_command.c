/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/rights.h"

/* The input is text.  What is JSON is read as a command, of a hook's answer and of others, wrapped
 * and by each verb alone: it is taken, or refused with a place that is in the text. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_names(const struct yg_names *names)
{
    for (size_t i = 0; i < names->num; i++)
        require(names->items[i][0] != '\0' && strlen(names->items[i]) <= YG_COMMAND_MAX_NAME);
    require(names->num == 0 || names->items[names->num] == NULL);
}

static void check_command(struct yg_command *command, bool has_sender)
{
    const char *star[] = {"a*", NULL};
    const struct yg_rights rights = {YG_SCOPE_ALL, {star, 1}, {star, 1}};
    struct yg_json wrong;

    require(has_sender || (!command->to.sender && !command->to.others));
    require(command->ns[0] == '/');
    check_names(&command->to.rooms);
    check_names(&command->to.users);
    check_names(&command->except.sockets);
    check_names(&command->rooms);
    require(command->num_attachments <= YG_COMMAND_MAX_ATTACHMENTS);
    if (!yg_command_is_allowed(command, &rights, &wrong))
        require(wrong.problem == YG_PROBLEM_SCOPE && wrong.detail[0] != '\0');
    require(yg_command_is_allowed(command, NULL, &wrong));
    yg_command_free(command);
}

static void settle(int rc, struct yg_command *command, const struct yg_json *wrong, bool has_sender)
{
    require(rc == 0 || rc == -EINVAL);
    if (rc == 0) {
        check_command(command, has_sender);
        return;
    }
    require(wrong->problem == YG_PROBLEM_INVALID && wrong->detail[0] != '\0');
    require(strncmp(wrong->pointer, "/c", 2) == 0);
}

static void read_all(const json_t *json, bool has_sender)
{
    struct yg_command *command = NULL;
    struct yg_json wrong;
    int rc = yg_command_parse(json, "/c", has_sender, &wrong, &command);

    settle(rc, command, &wrong, has_sender);
    for (int i = 0; i < YG_NUM_VERBS; i++) {
        rc = yg_command_parse_body((enum yg_verb)i, json, "/c", has_sender, &wrong, &command);
        settle(rc, command, &wrong, has_sender);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[160] = "";
    json_t *json = NULL;
    const int rc = yg_json_parse((const char *)data, size, error, &json);

    if (rc < 0) {
        require(rc == -EINVAL && error[0] != '\0');
        return 0;
    }
    read_all(json, false);
    read_all(json, true);
    json_decref(json);
    return 0;
}
