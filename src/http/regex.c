/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "http/regex.h"

#include <errno.h>
#include <pcre2.h>

#include "base/log.h"
#include "base/mem.h"

/* What one match may cost: backtracking steps, their depth, and memory of the interpreter. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT_KIB 1024

/* DOLLAR_ENDONLY: "/x%0A" must not pass for "^/x$". */
#define COMPILE_OPTIONS                                                                            \
    (PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

struct yd_regex {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    pcre2_general_context *general;
    pcre2_match_context *limits;
    pcre2_code *code;
    bool is_interpreted;
    uint32_t num_names, name_size;
    PCRE2_SPTR names; /* of code: num_names entries of name_size: group number, name */
};

static void *pcre_alloc(PCRE2_SIZE size, void *user)
{
    return yd_alloc(user, size);
}

static void pcre_free(void *ptr, void *user)
{
    yd_free(user, ptr);
}

static int compile(struct yd_regex *regex, yodel_str pattern)
{
    pcre2_compile_context *context = pcre2_compile_context_create(regex->general);
    PCRE2_SIZE offset = 0;
    char text[128];
    int error = 0;

    if (context == NULL)
        return -ENOMEM;
    regex->code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, COMPILE_OPTIONS, &error,
                                &offset, context);
    pcre2_compile_context_free(context);
    if (regex->code != NULL)
        return 0;
    if (error == PCRE2_ERROR_HEAP_FAILED || error == PCRE2_ERROR_NOMEMORY)
        return -ENOMEM;
    (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
    yd_log(regex->log, YODEL_LOG_ERROR, "pattern \"%" YODEL_PRI "\": %s, at %zu",
           YODEL_ARG(pattern), text, (size_t)offset);
    return YODEL_ERR_PATTERN;
}

static int set_up(struct yd_regex *regex, yodel_str pattern)
{
    int rc;

    regex->general = pcre2_general_context_create(pcre_alloc, pcre_free, (void *)regex->mem);
    if (regex->general == NULL)
        return -ENOMEM;
    if ((regex->limits = pcre2_match_context_create(regex->general)) == NULL)
        return -ENOMEM;
    (void)pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(regex->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(regex->limits, HEAP_LIMIT_KIB);
    if ((rc = compile(regex, pattern)) < 0)
        return rc;
    /* Where the kernel forbids memory that is written and run, the interpreter does it. */
    regex->is_interpreted = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) != 0;
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &regex->num_names);
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &regex->name_size);
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &regex->names);
    return 0;
}

int yd_regex_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                 yodel_str pattern, struct yd_regex **ret_regex)
{
    struct yd_regex *regex = yd_zalloc(mem, sizeof *regex);
    int rc;

    if (regex == NULL)
        return -ENOMEM;
    regex->mem = mem;
    regex->log = log;
    if ((rc = set_up(regex, pattern)) < 0)
        yd_regex_free(regex);
    else
        *ret_regex = regex;
    return rc;
}

void yd_regex_free(struct yd_regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    pcre2_match_context_free(regex->limits);
    pcre2_general_context_free(regex->general);
    yd_free(regex->mem, regex);
}

bool yd_regex_is_interpreted(const struct yd_regex *regex)
{
    return regex->is_interpreted;
}

size_t yd_regex_num_names(const struct yd_regex *regex)
{
    return regex->num_names;
}

yodel_str yd_regex_name(const struct yd_regex *regex, size_t i)
{
    return yodel_str_of((const char *)regex->names + i * regex->name_size + 2);
}

static yodel_str value_of(const struct yd_regex *regex, size_t i, yodel_str path,
                          pcre2_match_data *data)
{
    PCRE2_SPTR entry = regex->names + i * regex->name_size;
    uint32_t group = (uint32_t)entry[0] << 8 | entry[1];
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data) + 2 * (size_t)group;

    if (ends[0] == PCRE2_UNSET)
        return (yodel_str){NULL, 0};
    return (yodel_str){path.ptr + ends[0], ends[1] - ends[0]};
}

static int match(const struct yd_regex *regex, yodel_str path, pcre2_match_data *data)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)path.ptr;
    int rc =
        pcre2_match(regex->code, subject, path.len, 0, PCRE2_NO_UTF_CHECK, data, regex->limits);

    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(regex->code, subject, path.len, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
                         regex->limits);
    return rc;
}

int yd_regex_match(const struct yd_regex *regex, yodel_str path, yodel_str *ret_values)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, regex->general);
    int rc;

    if (data == NULL)
        return -ENOMEM;
    rc = match(regex, path, data);
    for (size_t i = 0; rc > 0 && i < regex->num_names; i++)
        ret_values[i] = value_of(regex, i, path, data);
    pcre2_match_data_free(data);
    if (rc == PCRE2_ERROR_NOMEMORY)
        return -ENOMEM;
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        yd_log(regex->log, YODEL_LOG_DEBUG, "a pattern of routes gave up on a path: PCRE2 error %d",
               rc);
    return rc > 0;
}
