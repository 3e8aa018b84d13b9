/* SPDX-License-Identifier: MIT */
#include "token/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET_ID_LEN 20

int yg_time_of_json(const json_t *value, int64_t *ret_ms)
{
    const double most = (double)(YG_TIME_MAX_MS / 1000);
    double seconds;

    if (json_is_integer(value)) {
        json_int_t whole = json_integer_value(value);

        if (whole < 0 || whole > YG_TIME_MAX_MS / 1000)
            return -ERANGE;
        *ret_ms = (int64_t)whole * 1000;
        return 0;
    }
    if (!json_is_real(value))
        return -EINVAL;
    seconds = json_real_value(value);
    if (!(seconds >= 0 && seconds <= most))
        return -ERANGE;
    *ret_ms = (int64_t)(seconds * 1000);
    return 0;
}

bool yg_is_socket_id(const char *name, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    if (len != SOCKET_ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (memchr(alphabet, name[i], sizeof alphabet - 1) == NULL)
            return false;
    return true;
}

/* ---- lists ---- */

static void patterns_free(struct yg_pattern_list *list)
{
    for (size_t i = 0; i < list->num; i++)
        yg_pattern_free(&list->items[i]);
    free(list->items);
    *list = (struct yg_pattern_list){0};
}

/* A list of at most so many, or a refusal. */
static int check_list(const json_t *value, size_t most, struct yg_refusal *refusal,
                      enum yg_token_code code)
{
    if (!json_is_array(value))
        return yg_refuse(refusal, code, "it is not a list");
    if (json_array_size(value) > most)
        return yg_refuse(refusal, code, "it has more than %zu entries", most);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return yg_refuse(refusal, code, "entry %zu is not a string", i + 1);
    return 0;
}

/* Adds the patterns of the list; what was added before a failure belongs to the list too. */
static int add_patterns(const json_t *value, const char *user, size_t most,
                        struct yg_refusal *refusal, enum yg_token_code code,
                        struct yg_pattern_list *list)
{
    struct yg_token_problem problem;
    size_t num = json_array_size(value);
    int rc;

    if (value == NULL)
        return 0;
    if ((rc = check_list(value, most, refusal, code)) < 0 || num == 0)
        return rc;
    if ((list->items = calloc(num, sizeof *list->items)) == NULL)
        return -ENOMEM;
    for (; list->num < num; list->num++) {
        const char *text = json_string_value(json_array_get(value, list->num));

        rc = yg_pattern_make(text, user, &problem, &list->items[list->num]);
        if (rc == -EINVAL)
            return yg_refuse(refusal, code, "entry %zu: %s", list->num + 1, problem.text);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_rooms(const json_t *value, struct yg_refusal *refusal, struct yg_grants *grants)
{
    size_t num = json_array_size(value);
    int rc;

    if (value == NULL)
        return 0;
    rc = check_list(value, YG_GRANTS_MAX_ROOMS, refusal, YG_TOKEN_GRANTS_JOIN);
    if (rc < 0 || num == 0)
        return rc;
    if ((grants->rooms = calloc(num, sizeof *grants->rooms)) == NULL)
        return -ENOMEM;
    for (; grants->num_rooms < num; grants->num_rooms++) {
        size_t i = grants->num_rooms, len = json_string_length(json_array_get(value, i));
        const char *name = json_string_value(json_array_get(value, i));

        if (len == 0 || len > YG_NAME_MAX)
            return yg_refuse(refusal, YG_TOKEN_GRANTS_JOIN,
                             "entry %zu is empty, or longer than %d bytes", i + 1, YG_NAME_MAX);
        if (strchr(name, '*') != NULL || strstr(name, "{user}") != NULL)
            return yg_refuse(refusal, YG_TOKEN_GRANTS_JOIN,
                             "entry %zu is a pattern, which belongs into can.join", i + 1);
        grants->rooms[i] = name;
    }
    return 0;
}

/* ---- members ---- */

static int check_members(const json_t *object, const char *const *known, struct yg_refusal *refusal,
                         enum yg_token_code code)
{
    void *it = json_object_iter((json_t *)object);
    char quoted[YG_QUOTED_SIZE];

    for (; it != NULL; it = json_object_iter_next((json_t *)object, it)) {
        const char *const *name = known;

        while (*name != NULL && strcmp(*name, json_object_iter_key(it)) != 0)
            name++;
        if (*name == NULL)
            return yg_refuse(refusal, code, "unknown member %s",
                             yg_quoted(json_object_iter_key(it), quoted));
    }
    return 0;
}

static int parse_can(const json_t *can, const char *user, struct yg_refusal *refusal,
                     struct yg_grants *grants)
{
    static const char *const known[] = {"join", "emit", NULL};
    int rc;

    if (can == NULL)
        return 0;
    if (!json_is_object(can))
        return yg_refuse(refusal, YG_TOKEN_GRANTS_CAN, "it is not an object");
    if ((rc = check_members(can, known, refusal, YG_TOKEN_GRANTS_CAN)) < 0)
        return rc;
    rc = add_patterns(json_object_get(can, "join"), user, YG_GRANTS_MAX_PATTERNS, refusal,
                      YG_TOKEN_GRANTS_CAN_JOIN, &grants->can_join);
    if (rc < 0)
        return rc;
    return add_patterns(json_object_get(can, "emit"), user, YG_GRANTS_MAX_PATTERNS, refusal,
                        YG_TOKEN_GRANTS_CAN_EMIT, &grants->can_emit);
}

static int parse_namespaces(const json_t *value, const char *user, struct yg_refusal *refusal,
                            struct yg_grants *grants)
{
    grants->any_namespace = value == NULL;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));

        if (name != NULL && name[0] != '/' && name[0] != '*')
            return yg_refuse(refusal, YG_TOKEN_GRANTS_NAMESPACES, "entry %zu does not begin with /",
                             i + 1);
    }
    return add_patterns(value, user, YG_GRANTS_MAX_NAMESPACES, refusal, YG_TOKEN_GRANTS_NAMESPACES,
                        &grants->namespaces);
}

/* Keeps a value whose text is not too long. */
static int keep_value(json_t *value, size_t most, struct yg_refusal *refusal,
                      enum yg_token_code code, json_t **ret)
{
    size_t len;

    if (value == NULL || json_is_null(value))
        return 0;
    len = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    if (len == 0)
        return -ENOMEM;
    if (len > most)
        return yg_refuse(refusal, code, "it has more than %zu bytes", most);
    *ret = json_incref(value);
    return 0;
}

static int parse_expires(const json_t *value, struct yg_refusal *refusal, struct yg_grants *grants)
{
    if (value == NULL || json_is_null(value))
        return 0;
    if (yg_time_of_json(value, &grants->expires_ms) < 0)
        return yg_refuse(refusal, YG_TOKEN_GRANTS_EXPIRES,
                         "it is not a number of seconds between 1970 and the year 9999, or 0");
    grants->has_expires = true;
    return 0;
}

static int parse_object(const json_t *claim, const char *user, struct yg_refusal *refusal,
                        struct yg_grants *grants)
{
    static const char *const known[] = {"namespaces", "join",       "can", "info",
                                        "meta",       "expires_at", NULL};
    int rc = check_members(claim, known, refusal, YG_TOKEN_GRANTS_MEMBER);

    if (rc == 0)
        rc = parse_namespaces(json_object_get(claim, "namespaces"), user, refusal, grants);
    if (rc == 0)
        rc = add_rooms(json_object_get(claim, "join"), refusal, grants);
    if (rc == 0)
        rc = parse_can(json_object_get(claim, "can"), user, refusal, grants);
    if (rc == 0)
        rc = keep_value(json_object_get(claim, "info"), YG_GRANTS_MAX_INFO, refusal,
                        YG_TOKEN_GRANTS_INFO, &grants->info);
    if (rc == 0)
        rc = keep_value(json_object_get(claim, "meta"), YG_GRANTS_MAX_META, refusal,
                        YG_TOKEN_GRANTS_META, &grants->meta);
    if (rc == 0)
        rc = parse_expires(json_object_get(claim, "expires_at"), refusal, grants);
    return rc;
}

int yg_grants_parse(json_t *claim, const char *user, struct yg_refusal *refusal,
                    struct yg_grants *ret)
{
    struct yg_grants made = {.any_namespace = true};
    int rc;

    if (claim != NULL && !json_is_object(claim))
        return yg_refuse(refusal, YG_TOKEN_GRANTS_TYPE, NULL);
    if (claim != NULL && (rc = parse_object(claim, user, refusal, &made)) < 0) {
        yg_grants_free(&made);
        return rc;
    }
    made.claim = json_incref(claim);
    *ret = made;
    return 0;
}

void yg_grants_free(struct yg_grants *grants)
{
    patterns_free(&grants->namespaces);
    patterns_free(&grants->can_join);
    patterns_free(&grants->can_emit);
    free(grants->rooms);
    json_decref(grants->info);
    json_decref(grants->meta);
    json_decref(grants->claim);
    *grants = (struct yg_grants){0};
}

/* ---- questions ---- */

static bool matches_any(const struct yg_pattern_list *list, const char *name, size_t len,
                        bool only_exact)
{
    for (size_t i = 0; i < list->num; i++)
        if ((!only_exact || list->items[i].exact) && yg_pattern_matches(&list->items[i], name, len))
            return true;
    return false;
}

bool yg_grants_namespace(const struct yg_grants *grants, const char *name, size_t len)
{
    return grants->any_namespace || matches_any(&grants->namespaces, name, len, false);
}

bool yg_grants_join(const struct yg_grants *grants, const char *room, size_t len, bool is_socket)
{
    return !is_socket && matches_any(&grants->can_join, room, len, yg_is_socket_id(room, len));
}

bool yg_grants_emit(const struct yg_grants *grants, const char *event, size_t len)
{
    return matches_any(&grants->can_emit, event, len, false);
}
