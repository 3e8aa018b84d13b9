/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_QUESTION_H
#define YG_SERVE_QUESTION_H

#include <yodel/loop.h>

#include "hook/cache.h"
#include "hook/hook.h"

/* Questions whether a client may connect, whose answers may be kept (webhooks.cache). */

struct yg_question_key {
    bool is_made;
    uint8_t bytes[YG_CACHE_KEY];
};

/* Makes it of the members of a connect that its answer may depend on; text that has failed, and no
 * memory: none is made. */
void yg_question_key(yodel_str ns, const struct yg_text *members, struct yg_question_key *ret_key);

/* The answer to such a question, if it was kept; for yg_hook_answer_free(). */
bool yg_question_find(struct yg_hook *hook, yodel_loop *loop, yodel_str ns,
                      const struct yg_question_key *key, struct yg_hook_answer **ret_answer);

#endif
