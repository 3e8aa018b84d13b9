/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hook/answer.h"

/* The input is what a back end has answered to one event of each kind, and to all of them: it is
 * taken whole, or refused with a place. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct yg_hook_asked asked[] = {
    {"1", YG_HOOK_CONNECT, false, "/chat"}, {"2", YG_HOOK_EVENT, true, "/"},
    {"3", YG_HOOK_EVENT, false, NULL},      {"4", YG_HOOK_REFRESH, false, "/chat"},
    {"5", YG_HOOK_DISCONNECTED, false, ""}, {"6", YG_HOOK_OCCUPIED, false, NULL},
};

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_result(const struct yg_hook_asked *event, const struct yg_hook_result *result)
{
    require(result->num_actions <= YG_HOOK_MAX_ACTIONS);
    for (size_t i = 0; i < result->num_actions; i++)
        require(result->actions[i] != NULL && result->actions[i]->ns[0] == '/');
    require(!result->has_ack || event->wants_ack);
    require(!result->is_rejected || (event->kind == YG_HOOK_CONNECT && result->user == NULL));
    require(result->user == NULL || event->kind == YG_HOOK_CONNECT);
    require(!result->is_expired || !result->has_expires);
}

static void read_of(const uint8_t *data, size_t size, size_t first, size_t num)
{
    struct yg_hook_answer *answer = NULL;
    struct yg_json wrong;
    const int rc = yg_hook_answer_parse((yodel_str){(const char *)data, size}, asked + first, num,
                                        &wrong, &answer);

    require(rc == 0 || (rc == -EINVAL && wrong.problem != YG_PROBLEM_NONE));
    if (rc < 0) {
        require(wrong.detail[0] != '\0' && (wrong.pointer[0] == '\0' || wrong.pointer[0] == '/'));
        return;
    }
    require(answer->num == num);
    for (size_t i = 0; i < num; i++)
        check_result(&asked[first + i], &answer->results[i]);
    yg_hook_answer_free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t num = sizeof(asked) / sizeof(asked[0]);

    for (size_t i = 0; i < num; i++)
        read_of(data, size, i, 1);
    read_of(data, size, 0, num);
    return 0;
}
