/* SPDX-License-Identifier: MIT */
/* The options of the JavaScript Engine.IO server, as JSON. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"
#include "eio/eio.h"

enum { MAX_ORIGINS = 31 };

struct eio_config {
    json_t *json; /* what all strings belong to */
    char *path, *methods, *allow_headers, *expose_headers;
    char name[2][64]; /* of the cookie, its SameSite */
    const char *origins[MAX_ORIGINS + 1];
    yodel_cors_options cors;
    yodel_sio_cookie_options cookie;
};

/* Asks for a member that is a number; what is none, or negative, is left alone. */
static void get_number(const json_t *object, const char *name, uint32_t *number)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_number(value) && json_number_value(value) >= 0 &&
        json_number_value(value) < UINT32_MAX)
        *number = (uint32_t)json_number_value(value);
}

/* A limit may be Infinity, which JSON cannot say, or as large as one likes. */
static void get_size(const json_t *object, const char *name, size_t *size)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_number(value) && json_number_value(value) >= 0)
        *size = json_number_value(value) < 4e9 ? (size_t)json_number_value(value) : SIZE_MAX / 2;
}

static const char *get_text(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : otherwise;
}

static void get_transports(const json_t *list, struct yd_eio_options *options)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list))
        return;
    options->no_polling = options->no_websocket = true;
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(item);

        if (name != NULL && strcmp(name, "polling") == 0)
            options->no_polling = false;
        if (name != NULL && strcmp(name, "websocket") == 0)
            options->no_websocket = false;
    }
}

/* With the slash at its end, which is all that addTrailingSlash is here. */
static int get_path(struct eio_config *config, struct yd_eio_options *options)
{
    const char *path = get_text(config->json, "path", NULL);
    size_t len = path != NULL ? strlen(path) : 0;

    if (path == NULL)
        return 0;
    if ((config->path = malloc(len + 3)) == NULL)
        return -ENOMEM;
    snprintf(config->path, len + 3, "%s%s%s", path[0] == '/' ? "" : "/", path,
             len > 0 && path[len - 1] == '/' ? "" : "/");
    options->path = config->path;
    return 0;
}

/* "GET,POST" of a string or an array; NULL for neither. */
static int get_list(const json_t *object, const char *name, char **ret_text)
{
    const json_t *value = json_object_get(object, name), *item;
    char *text;
    size_t i;

    if (!json_is_string(value) && !json_is_array(value))
        return 0;
    if ((text = calloc(1, 1024)) == NULL)
        return -ENOMEM;
    *ret_text = text;
    if (json_is_string(value))
        strncat(text, json_string_value(value), 1023);
    json_array_foreach(value, i, item)
    {
        if (i > 0)
            strncat(text, ",", 1023 - strlen(text));
        if (json_is_string(item))
            strncat(text, json_string_value(item), 1023 - strlen(text));
    }
    return 0;
}

/* true and "*" are every origin; other than strings no origin can be in JSON. */
static void get_origins(struct eio_config *config, const json_t *value)
{
    size_t num = 0, i;
    const json_t *item;

    if (json_is_string(value))
        config->origins[num++] = json_string_value(value);
    else if (!json_is_array(value))
        config->origins[num++] = "*";
    json_array_foreach(value, i, item)
    {
        if (json_is_string(item) && num < MAX_ORIGINS)
            config->origins[num++] = json_string_value(item);
    }
}

static int get_cors(struct eio_config *config, struct yd_eio_options *options)
{
    const json_t *cors = json_object_get(config->json, "cors");
    int rc;

    if (!app_is_true(cors) || json_is_false(json_object_get(cors, "origin")))
        return 0;
    get_origins(config, json_object_get(cors, "origin"));
    if ((rc = get_list(cors, "methods", &config->methods)) < 0 ||
        (rc = get_list(cors, "allowedHeaders", &config->allow_headers)) < 0 ||
        (rc = get_list(cors, "exposedHeaders", &config->expose_headers)) < 0)
        return rc;
    config->cors = (yodel_cors_options){
        .size = sizeof config->cors,
        .origins = config->origins,
        .credentials = json_is_true(json_object_get(cors, "credentials")),
        .methods = config->methods,
        .allow_headers = config->allow_headers,
        .expose_headers = config->expose_headers,
    };
    get_number(cors, "maxAge", &config->cors.max_age_s);
    options->cors = &config->cors;
    return 0;
}

/* "lax" and true as they are printed. */
static const char *same_site(struct eio_config *config, const json_t *value)
{
    char *text = config->name[1];

    if (json_is_true(value))
        return "Strict";
    if (json_is_false(value))
        return "";
    if (!json_is_string(value))
        return "Lax";
    snprintf(text, sizeof config->name[1], "%s", json_string_value(value));
    text[0] = (char)toupper((unsigned char)text[0]);
    return text;
}

static void get_cookie(struct eio_config *config, struct yd_eio_options *options)
{
    const json_t *cookie = json_object_get(config->json, "cookie");
    bool has_path = !json_is_false(json_object_get(cookie, "path"));
    const json_t *http_only = json_object_get(cookie, "httpOnly");
    uint32_t max_age = 0;

    if (!app_is_true(cookie))
        return;
    get_number(cookie, "maxAge", &max_age);
    config->cookie = (yodel_sio_cookie_options){
        .size = sizeof config->cookie,
        .name = get_text(cookie, "name", "io"),
        .path = has_path ? get_text(cookie, "path", "/") : "",
        .domain = get_text(cookie, "domain", NULL),
        .same_site = same_site(config, json_object_get(cookie, "sameSite")),
        .max_age_s = max_age,
        .secure = json_is_true(json_object_get(cookie, "secure")),
        .script_may_read = http_only != NULL && !app_is_true(http_only),
    };
    options->cookie = &config->cookie;
}

static void get_compression(const json_t *json, struct yd_eio_options *options)
{
    const json_t *http = json_object_get(json, "httpCompression");

    if (json_is_false(http))
        options->compress_min = SIZE_MAX;
    else
        get_size(http, "threshold", &options->compress_min);
    if (app_is_true(json_object_get(json, "perMessageDeflate")))
        options->deflate = YODEL_WS_DEFLATE_SHARED;
}

static int read_all(struct eio_config *config, struct yd_eio_options *options)
{
    const json_t *json = config->json;
    int rc;

    get_number(json, "pingInterval", &options->ping_interval_ms);
    get_number(json, "pingTimeout", &options->ping_timeout_ms);
    get_number(json, "upgradeTimeout", &options->upgrade_timeout_ms);
    get_size(json, "maxHttpBufferSize", &options->max_payload);
    get_transports(json_object_get(json, "transports"), options);
    options->no_upgrades = json_is_false(json_object_get(json, "allowUpgrades"));
    get_compression(json, options);
    get_cookie(config, options);
    if ((rc = get_path(config, options)) < 0)
        return rc;
    return get_cors(config, options);
}

int eio_config_read(const char *json, struct yd_eio_options *options,
                    struct eio_config **ret_config)
{
    struct eio_config *config = calloc(1, sizeof *config);
    int rc;

    if (config == NULL)
        return -ENOMEM;
    config->json = json_loads(json, 0, NULL);
    if (!json_is_object(config->json)) {
        eio_config_free(config);
        return -EINVAL;
    }
    if ((rc = read_all(config, options)) < 0) {
        eio_config_free(config);
        return rc;
    }
    *ret_config = config;
    return 0;
}

void eio_config_free(struct eio_config *config)
{
    if (config == NULL)
        return;
    json_decref(config->json);
    free(config->path);
    free(config->methods);
    free(config->allow_headers);
    free(config->expose_headers);
    free(config);
}
