/* SPDX-License-Identifier: MIT */
#include "serve/question.h"

void yg_question_key(yodel_str ns, const struct yg_text *members, struct yg_question_key *ret_key)
{
    struct yg_text text = {0};

    yg_text_add(&text, ns.ptr, ns.len);
    yg_text_add(&text, "", 1);
    yg_text_add(&text, members->ptr, members->len);
    ret_key->is_made = !yg_text_failed(members) && !yg_text_failed(&text) &&
                       yg_hook_cache_key((yodel_str){text.ptr, text.len}, ret_key->bytes);
    yg_text_done(&text);
}

bool yg_question_find(struct yg_hook *hook, yodel_loop *loop, yodel_str ns,
                      const struct yg_question_key *key, struct yg_hook_answer **ret_answer)
{
    struct yg_text name = {0};
    bool found = false;

    if (!key->is_made)
        return false;
    yg_text_add(&name, ns.ptr, ns.len);
    if (!yg_text_failed(&name))
        found = yg_hook_cache_find(yg_hook_cache(hook), key->bytes, yodel_loop_now(loop),
                                   yg_text_string(&name), ret_answer);
    yg_text_done(&name);
    return found;
}
