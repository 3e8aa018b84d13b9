/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps.h"

#ifndef YODEL_CLIENT_DIR
#define YODEL_CLIENT_DIR NULL
#endif

int app_new_sio(struct app *app, yodel_sio_options options)
{
    int rc;

    options.size = sizeof options;
    options.client_dir = app->options.client_dir;
    if (options.client_dir != NULL)
        return yodel_sio_new(app->server, &options, &app->sio);
    options.client_dir = YODEL_CLIENT_DIR; /* it may not be installed */
    rc = yodel_sio_new(app->server, &options, &app->sio);
    if (rc != -ENOENT)
        return rc;
    options.client_dir = NULL;
    return yodel_sio_new(app->server, &options, &app->sio);
}

yodel_sio_namespace *app_of(yodel_sio *sio, const char *name)
{
    yodel_sio_namespace *ns = NULL;

    return yodel_sio_of(sio, name, &ns) == 0 ? ns : NULL;
}

yodel_sio_namespace *app_of_pattern(yodel_sio *sio, const char *pattern)
{
    yodel_sio_namespace *ns = NULL;

    return yodel_sio_of_pattern(sio, pattern, &ns) == 0 ? ns : NULL;
}

yodel_sio_namespace *app_of_function(yodel_sio *sio, yodel_sio_match_fn *match, void *user)
{
    yodel_sio_namespace *ns = NULL;

    return yodel_sio_of_function(sio, match, user, &ns) == 0 ? ns : NULL;
}

yodel_sio_args app_args(const yodel_sio_event *event, yodel_bytes attachments[APP_MAX_ATTACHMENTS])
{
    size_t num = yodel_sio_event_num_attachments(event);

    for (size_t i = 0; i < num; i++)
        attachments[i] = yodel_sio_event_attachment(event, i);
    return (yodel_sio_args){sizeof(yodel_sio_args), yodel_sio_event_args(event), attachments, num};
}

const json_t *app_arg(yodel_sio_event *event, size_t i)
{
    return json_array_get(yodel_sio_event_json(event), i);
}

int app_is_binary(const json_t *value)
{
    return json_is_true(json_object_get(value, "_placeholder"));
}

void app_must(int rc, int what_may_happen)
{
    if (rc >= 0 || rc == what_may_happen)
        return;
    fprintf(stderr, "testapps: a call failed: %s\n", yodel_strerror(rc));
    abort();
}

int app_is_true(const json_t *value)
{
    switch (value != NULL ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_TRUE:
        return 1;
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) < 0 || json_real_value(value) > 0;
    default:
        return 0;
    }
}

/* The text of an array of value, which is taken; NULL when out of memory. */
static char *array_of(json_t *value)
{
    json_t *array = json_pack("[o]", value);
    char *text = array != NULL ? json_dumps(array, JSON_COMPACT) : NULL;

    json_decref(array);
    return text;
}

static void accept_now(void *arg)
{
    yodel_decision *decision = arg;

    app_must(yodel_decision_accept(decision, NULL), YODEL_ERR_CLOSED);
    yodel_decision_unref(decision);
}

int app_decide_later(struct app *app, unsigned ms, yodel_decision *decision)
{
    if (decision != NULL && later_call(app->later, ms, accept_now, decision) == 0)
        return YODEL_DEFER;
    yodel_decision_unref(decision);
    return -ENOMEM;
}

void app_answer(yodel_sio_event *event, json_t *value)
{
    char *text = array_of(value);

    (void)yodel_sio_event_answer_args(event,
                                      YODEL_OPTIONS(yodel_sio_args, .json = yodel_str_of(text)));
    free(text);
}

void app_emit(yodel_sio_target target, const char *event, json_t *value)
{
    char *text = array_of(value);

    (void)yodel_sio_emit_args(target, event,
                              YODEL_OPTIONS(yodel_sio_args, .json = yodel_str_of(text)));
    free(text);
}

void app_emit_binary(yodel_sio_target target, const char *event, yodel_bytes data)
{
    (void)yodel_sio_emit_args(target, event,
                              &(yodel_sio_args){sizeof(yodel_sio_args),
                                                YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
                                                &data, 1});
}

char *app_date(void)
{
    struct timespec now;
    struct tm utc;
    char date[32], *text = malloc(64);

    clock_gettime(CLOCK_REALTIME, &now);
    if (text == NULL || gmtime_r(&now.tv_sec, &utc) == NULL)
        return text;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, 64, "%s.%03dZ", date, (int)(now.tv_nsec / 1000000));
    return text;
}

int app_on(yodel_sio_namespace *ns, const struct app_handler *handlers, void *user)
{
    int rc = ns != NULL ? 0 : -ENOMEM;

    for (; rc == 0 && handlers->event != NULL; handlers++)
        rc = yodel_sio_namespace_on(ns, handlers->event, handlers->fn, user);
    return rc;
}
