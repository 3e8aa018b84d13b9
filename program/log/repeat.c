/* SPDX-License-Identifier: MIT */
#include "log/repeat.h"

#include <string.h>

#define TRIES 8

/* FNV-1a; never 0. */
static uint32_t hash_of(const char *key)
{
    uint32_t hash = 2166136261u;

    for (; *key != '\0'; key++) {
        if (*key < '0' || *key > '9')
            hash = (hash ^ (unsigned char)*key) * 16777619u;
    }
    return hash != 0 ? hash : 1;
}

void yg_repeat_init(struct yg_repeat *repeat)
{
    memset(repeat, 0, sizeof(*repeat));
    pthread_mutex_init(&repeat->lock, NULL);
}

void yg_repeat_done(struct yg_repeat *repeat)
{
    pthread_mutex_destroy(&repeat->lock);
}

void yg_repeat_set(struct yg_repeat *repeat, uint32_t most, uint32_t per_ms)
{
    pthread_mutex_lock(&repeat->lock);
    repeat->most = most;
    repeat->per_ms = per_ms;
    pthread_mutex_unlock(&repeat->lock);
}

static bool is_over(const struct yg_repeat *repeat, const struct yg_repeat_kind *kind,
                    uint64_t now_ms)
{
    return now_ms - kind->since_ms >= repeat->per_ms;
}

/* The kind of a hash, or a place for it: free, or of a kind that has nothing to tell. */
static struct yg_repeat_kind *find(struct yg_repeat *repeat, uint32_t hash, uint64_t now_ms)
{
    struct yg_repeat_kind *place = NULL;

    for (unsigned i = 0; i < TRIES; i++) {
        struct yg_repeat_kind *kind = &repeat->kinds[(hash + i) % YG_REPEAT_KINDS];

        if (kind->hash == hash)
            return kind;
        if (place == NULL &&
            (kind->hash == 0 || (kind->left_out == 0 && is_over(repeat, kind, now_ms))))
            place = kind;
    }
    if (place != NULL)
        *place = (struct yg_repeat_kind){.hash = hash, .since_ms = now_ms};
    return place;
}

static void leave_out(struct yg_repeat *repeat, struct yg_repeat_kind *kind, int level,
                      const char *text, size_t len, uint64_t now_ms)
{
    if (kind->left_out++ == 0) {
        kind->first_ms = now_ms;
        len = len < YG_REPEAT_TEXT ? len : YG_REPEAT_TEXT - 1;
        memcpy(kind->text, text, len);
        kind->text[len] = '\0';
        kind->level = level;
    }
    repeat->left_out++;
}

/* One more line of a kind. */
static bool is_within(struct yg_repeat *repeat, struct yg_repeat_kind *kind, uint32_t most,
                      uint64_t now_ms)
{
    if (is_over(repeat, kind, now_ms)) {
        kind->since_ms = now_ms;
        kind->count = 0;
    }
    if (kind->count >= most)
        return false;
    kind->count++;
    return true;
}

static bool allows(struct yg_repeat *repeat, const char *key, int level, const char *text,
                   size_t len, uint64_t now_ms)
{
    struct yg_repeat_kind *kind = find(repeat, hash_of(key), now_ms);

    if (kind != NULL && !is_within(repeat, kind, repeat->most, now_ms)) {
        leave_out(repeat, kind, level, text, len, now_ms);
        return false;
    }
    if (is_within(repeat, &repeat->all, YG_REPEAT_ALL, now_ms))
        return true;
    leave_out(repeat, &repeat->all, level, text, len, now_ms);
    return false;
}

bool yg_repeat_allows(struct yg_repeat *repeat, const char *key, int level, const char *text,
                      size_t len, uint64_t now_ms)
{
    bool result;

    pthread_mutex_lock(&repeat->lock);
    result = repeat->most == 0 || allows(repeat, key, level, text, len, now_ms);
    pthread_mutex_unlock(&repeat->lock);
    return result;
}

static bool is_due(const struct yg_repeat *repeat, const struct yg_repeat_kind *kind,
                   uint64_t now_ms)
{
    return kind->left_out > 0 && now_ms - kind->first_ms >= repeat->per_ms;
}

/* Takes what is to be told of one kind.  Returns whether there was one. */
static bool take_told(struct yg_repeat *repeat, uint64_t now_ms, struct yg_repeat_kind *ret_kind)
{
    struct yg_repeat_kind *found = NULL;

    pthread_mutex_lock(&repeat->lock);
    if (is_due(repeat, &repeat->all, now_ms))
        found = &repeat->all;
    for (unsigned i = 0; i < YG_REPEAT_KINDS && found == NULL; i++) {
        struct yg_repeat_kind *kind = &repeat->kinds[i];

        if (is_due(repeat, kind, now_ms))
            found = kind;
    }
    if (found != NULL) {
        *ret_kind = *found;
        found->left_out = 0;
    }
    pthread_mutex_unlock(&repeat->lock);
    return found != NULL;
}

void yg_repeat_tell(struct yg_repeat *repeat, uint64_t now_ms, yg_repeat_told_fn *told, void *user)
{
    struct yg_repeat_kind kind;

    while (take_told(repeat, now_ms, &kind))
        told(kind.level, kind.left_out, kind.text, user);
}

uint64_t yg_repeat_left_out(struct yg_repeat *repeat)
{
    uint64_t left_out;

    pthread_mutex_lock(&repeat->lock);
    left_out = repeat->left_out;
    pthread_mutex_unlock(&repeat->lock);
    return left_out;
}
