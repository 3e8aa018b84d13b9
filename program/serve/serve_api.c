/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/account.h"
#include "base/json.h"
#include "config/show.h"
#include "serve/idempotency.h"
#include "serve/state.h"

/* Keys of one configuration, as the API takes them; texts are the configuration's. */
struct keys {
    const struct yg_config *config; /* a reference */
    const char **names;             /* of all patterns, each list with a NULL behind it */
    struct yg_api_key items[];
};

static void free_keys(void *owner)
{
    struct keys *keys = owner;

    yg_config_unref(keys->config);
    free(keys->names);
    free(keys);
}

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* 64 digits, which the configuration's check has seen. */
static void read_hash(const char *hex, uint8_t into[32])
{
    for (size_t i = 0; i < 32; i++)
        into[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

/* Gives the list, and where the next one begins. */
static struct yg_names copy_names(const struct yg_texts *texts, const char ***at)
{
    const struct yg_names names = {*at, texts->num};

    for (size_t i = 0; i < texts->num; i++)
        *(*at)++ = texts->items[i];
    *(*at)++ = NULL;
    return names;
}

static size_t count_names(const struct yg_api_keys_config *config)
{
    size_t num = 0;

    for (size_t i = 0; i < config->num; i++)
        num += config->items[i].namespaces.num + config->items[i].rooms.num + 2;
    return num;
}

static struct keys *make_keys(struct yg_state *state, const struct yg_config *config)
{
    const struct yg_api_keys_config *from = &config->api.keys;
    struct keys *keys = calloc(1, sizeof(*keys) + from->num * sizeof(keys->items[0]));
    const char **at;

    if (keys == NULL)
        return NULL;
    keys->names = at = calloc(count_names(from) + 1, sizeof(*keys->names));
    if (keys->names == NULL) {
        free(keys);
        return NULL;
    }
    keys->config = yg_config_ref(config);
    for (size_t i = 0; i < from->num; i++) {
        const struct yg_api_key_config *key = &from->items[i];

        keys->items[i] = (struct yg_api_key){.name = key->name,
                                             .rights.scopes = key->scopes,
                                             .rate = key->rate.count,
                                             .rate_ms = key->rate.per_ms};
        read_hash(key->sha256, keys->items[i].sha256);
        keys->items[i].rights.namespaces = copy_names(&key->namespaces, &at);
        keys->items[i].rights.rooms = copy_names(&key->rooms, &at);
        keys->items[i].tag = yg_api_counts_key(state->api_counts, key->name);
    }
    return keys;
}

int yg_serve_api_keys(struct yg_state *state, const struct yg_config *config)
{
    struct keys *keys = make_keys(state, config);
    int rc;

    if (keys == NULL)
        return -ENOMEM;
    rc = yg_api_set_terms(state->api,
                          &(struct yg_api_terms){.keys = keys->items,
                                                 .num_keys = config->api.keys.num,
                                                 .max_commands = config->api.commands,
                                                 .idempotency_ms = config->api.idempotency_ms,
                                                 .release = free_keys,
                                                 .owner = keys});
    if (rc < 0)
        free_keys(keys);
    return rc;
}

/* ---- the API ---- */

static json_t *show_config(void *user)
{
    const struct yg_config *config = yg_state_config(user);
    struct yg_text text = {0};
    json_t *json = NULL;
    char error[160];

    if (yg_show(&text, config, YG_SHOW_JSON, false) == 0)
        (void)yg_json_parse(text.ptr, text.len, error, &json);
    yg_text_done(&text);
    yg_config_unref(config);
    return json;
}

static bool serves(yodel_str tag, void *user)
{
    return yg_state_tag_serves(user, tag, YG_SERVE_API);
}

/* Before there are other threads. */
static int find_users(struct yg_state *state, const struct yg_texts *names)
{
    int rc = 0;

    if (names->num == 0)
        return 0;
    state->unix_uids = calloc(names->num, sizeof(*state->unix_uids));
    if (state->unix_uids == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < names->num && rc == 0; i++) {
        rc = yg_account_user(names->items[i], &state->unix_uids[i]);
        if (rc < 0)
            yg_log_option(state, state->first, "api.unix_users[%zu]: there is no user %s", i,
                          names->items[i]);
    }
    return rc;
}

int yg_serve_api_start(struct yg_state *state)
{
    struct yg_service *service = &state->service;
    int rc;

    service->server = state->server;
    service->sio = state->sio;
    service->cluster = state->cluster;
    service->node = state->node;
    service->show_config = show_config;
    service->config_user = state;
    state->api_counts = yg_api_counts_new();
    if (state->api_counts == NULL)
        return -ENOMEM;
    if ((rc = find_users(state, &state->first->api.unix_users)) < 0)
        return rc;
    state->idempotency = calloc(1, sizeof(*state->idempotency));
    if (state->idempotency == NULL)
        return -ENOMEM;
    rc = yg_api_new(
        service,
        &(struct yg_api_options){.max_body = state->first->api.body_bytes,
                                 .trusts_unix = true,
                                 .unix_uids = state->unix_uids,
                                 .num_unix_uids = state->first->api.unix_users.num,
                                 .store = yg_idempotency_store(state, state->idempotency),
                                 .serves = serves,
                                 .control = yg_control,
                                 .on_answer = yg_api_counts_tell,
                                 .user = state},
        &state->api);
    return rc < 0 ? rc : yg_serve_api_keys(state, state->first);
}

void yg_serve_api_end(struct yg_state *state)
{
    yg_api_free(state->api);
    yg_api_counts_free(state->api_counts);
    free(state->unix_uids);
    free(state->idempotency);
    yg_spaces_done(&state->service.spaces);
}
