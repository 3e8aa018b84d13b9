/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>
#include <yodel/base.h>

/* Patterns with stars.  Each text between two of them is taken where it comes first, which leaves
 * most for those behind it; so nothing is tried twice. */

static bool take_head(yodel_str *name, const char *text, size_t len)
{
    if (len == 0)
        return true;
    if (len > name->len || memcmp(name->ptr, text, len) != 0)
        return false;
    name->ptr += len;
    name->len -= len;
    return true;
}

static bool take_first(yodel_str *name, const char *text, size_t len)
{
    const char *found;

    if (len == 0)
        return true;
    if (len > name->len || (found = memmem(name->ptr, name->len, text, len)) == NULL)
        return false;
    name->len -= (size_t)(found - name->ptr) + len;
    name->ptr = found + len;
    return true;
}

static bool is_end(yodel_str name, const char *text, size_t len)
{
    return len == 0 || (len <= name.len && memcmp(name.ptr + name.len - len, text, len) == 0);
}

int yodel_pattern_fits(const char *pattern, yodel_str name)
{
    const char *star, *text, *next;

    if (pattern == NULL)
        return 0;
    if ((star = strchr(pattern, '*')) == NULL)
        return yodel_str_eq(yodel_str_of(pattern), name);
    if (!take_head(&name, pattern, (size_t)(star - pattern)))
        return 0;
    for (text = star + 1; (next = strchr(text, '*')) != NULL; text = next + 1)
        if (!take_first(&name, text, (size_t)(next - text)))
            return 0;
    return is_end(name, text, strlen(text));
}
