/* SPDX-License-Identifier: MIT */
#include "token/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char variable[] = "{user}";
#define VARIABLE_LEN (sizeof variable - 1)

static bool is_variable(const char *text)
{
    return strncmp(text, variable, VARIABLE_LEN) == 0;
}

/* Checks the text; says how often it has {user}, and where there are stars. */
static int look_at(const char *text, struct yg_token_problem *problem, size_t *ret_variables,
                   unsigned *ret_stars)
{
    size_t len = strnlen(text, YG_NAME_MAX + 1), variables = 0;
    unsigned stars = 0;

    if (len == 0)
        return yg_token_problem_set(problem, -EINVAL, "a pattern is empty");
    if (len > YG_NAME_MAX)
        return yg_token_problem_set(problem, -EINVAL, "a pattern is longer than %d bytes",
                                    YG_NAME_MAX);
    for (size_t i = 0; i < len; i++) {
        if (is_variable(text + i)) {
            variables++;
            i += VARIABLE_LEN - 1;
        } else if (text[i] == '{' || text[i] == '}') {
            return yg_token_problem_set(problem, -EINVAL,
                                        "a pattern has a brace that is not of {user}");
        } else if (text[i] == '*') {
            stars++;
        }
    }
    if (stars > YG_PATTERN_MAX_STARS)
        return yg_token_problem_set(problem, -EINVAL, "a pattern has more than %d stars",
                                    YG_PATTERN_MAX_STARS);
    *ret_variables = variables;
    *ret_stars = stars;
    return 0;
}

static void fill(struct yg_pattern *pattern, const char *text, const char *user, size_t user_len)
{
    char *out = pattern->bytes;
    unsigned part = 0;

    while (*text != '\0') {
        if (*text == '*') {
            part++;
            text++;
        } else if (is_variable(text)) {
            memcpy(out, user, user_len);
            out += user_len;
            pattern->lens[part] += user_len;
            text += VARIABLE_LEN;
        } else {
            *out++ = *text++;
            pattern->lens[part]++;
        }
    }
}

int yg_pattern_make(const char *text, const char *user, struct yg_token_problem *problem,
                    struct yg_pattern *ret)
{
    size_t user_len = user != NULL ? strlen(user) : 0, variables;
    struct yg_pattern made = {0};
    int rc = look_at(text, problem, &variables, &made.num_stars);

    if (rc < 0)
        return rc;
    if (variables > 0 && user_len > SIZE_MAX / 2 / variables)
        return -ENOMEM;
    if ((made.bytes = malloc(strlen(text) + variables * user_len)) == NULL)
        return -ENOMEM;
    made.never = variables > 0 && user_len == 0;
    made.exact = variables == 0 && made.num_stars == 0;
    fill(&made, text, user_len > 0 ? user : "", user_len);
    *ret = made;
    return 0;
}

void yg_pattern_free(struct yg_pattern *pattern)
{
    free(pattern->bytes);
    *pattern = (struct yg_pattern){0};
}

static bool begins(const char *name, size_t len, const char *text, size_t text_len)
{
    return text_len <= len && memcmp(name, text, text_len) == 0;
}

bool yg_pattern_matches(const struct yg_pattern *pattern, const char *name, size_t len)
{
    const char *text = pattern->bytes;
    size_t text_len = pattern->lens[0];

    if (pattern->never || len == 0 || len > YG_NAME_MAX)
        return false;
    if (pattern->num_stars == 0)
        return len == text_len && memcmp(name, text, len) == 0;
    if (!begins(name, len, text, text_len))
        return false;
    name += text_len;
    len -= text_len;
    /* Each text at its first place leaves most for those that follow. */
    for (unsigned i = 1; i < pattern->num_stars; i++) {
        const char *found;

        text += text_len;
        text_len = pattern->lens[i];
        if ((found = memmem(name, len, text, text_len)) == NULL)
            return false;
        len -= (size_t)(found - name) + text_len;
        name = found + text_len;
    }
    text += text_len;
    text_len = pattern->lens[pattern->num_stars];
    return text_len <= len && memcmp(name + len - text_len, text, text_len) == 0;
}
