/* SPDX-License-Identifier: MIT */
#include "api/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Keys are digests: a few bytes of one are its hash, which nobody can choose. */
struct entry {
    struct entry *next;            /* of its bucket */
    struct entry *older, *younger; /* by age */
    uint8_t key[YG_MEMORY_DIGEST], command[YG_MEMORY_DIGEST];
    uint64_t until_ms;
    bool is_busy;
    enum yg_problem problem;
    char *text;
    size_t len;
};

struct yg_memory {
    pthread_mutex_t lock;
    size_t max_answers, max_bytes;
    uint32_t ttl_ms;
    size_t num, bytes;
    struct entry *oldest, *youngest;
    size_t num_buckets; /* a power of two */
    struct entry **buckets;
};

struct yg_memory *yg_memory_new(size_t max_answers, size_t max_bytes, uint32_t ttl_ms)
{
    struct yg_memory *memory = calloc(1, sizeof(*memory));

    if (memory == NULL)
        return NULL;
    memory->max_answers = max_answers;
    memory->max_bytes = max_bytes;
    memory->ttl_ms = ttl_ms;
    memory->num_buckets = 64;
    while (memory->num_buckets < max_answers && memory->num_buckets < (size_t)1 << 20)
        memory->num_buckets *= 2;
    memory->buckets = calloc(memory->num_buckets, sizeof(*memory->buckets));
    if (memory->buckets == NULL || pthread_mutex_init(&memory->lock, NULL) != 0) {
        free(memory->buckets);
        free(memory);
        return NULL;
    }
    return memory;
}

void yg_memory_set_ttl(struct yg_memory *memory, uint32_t ttl_ms)
{
    pthread_mutex_lock(&memory->lock);
    memory->ttl_ms = ttl_ms;
    pthread_mutex_unlock(&memory->lock);
}

/* The link that leads to the entry of a key, or to the end of its bucket. */
static struct entry **find(struct yg_memory *memory, const uint8_t *key)
{
    uint64_t hash;
    struct entry **link;

    memcpy(&hash, key, sizeof(hash));
    link = &memory->buckets[hash & (memory->num_buckets - 1)];
    while (*link != NULL && memcmp((*link)->key, key, YG_MEMORY_DIGEST) != 0)
        link = &(*link)->next;
    return link;
}

static void drop(struct yg_memory *memory, struct entry **link)
{
    struct entry *entry = *link;

    *link = entry->next;
    *(entry->older != NULL ? &entry->older->younger : &memory->oldest) = entry->younger;
    *(entry->younger != NULL ? &entry->younger->older : &memory->youngest) = entry->older;
    memory->num--;
    memory->bytes -= entry->len;
    free(entry->text);
    free(entry);
}

void yg_memory_free(struct yg_memory *memory)
{
    if (memory == NULL)
        return;
    while (memory->oldest != NULL)
        drop(memory, find(memory, memory->oldest->key));
    pthread_mutex_destroy(&memory->lock);
    free(memory->buckets);
    free(memory);
}

/* Forgets what is too old, and the oldest above the limits. */
static void trim(struct yg_memory *memory, uint64_t now_ms, size_t max_answers)
{
    while (memory->oldest != NULL &&
           (memory->oldest->until_ms <= now_ms || memory->num > max_answers ||
            memory->bytes > memory->max_bytes))
        drop(memory, find(memory, memory->oldest->key));
}

static struct entry *add(struct yg_memory *memory, const uint8_t *key, const uint8_t *command,
                         uint64_t now_ms)
{
    struct entry **link = find(memory, key);
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL)
        return NULL;
    memcpy(entry->key, key, sizeof(entry->key));
    memcpy(entry->command, command, sizeof(entry->command));
    entry->until_ms = now_ms + memory->ttl_ms;
    entry->is_busy = true;
    *link = entry;
    entry->older = memory->youngest;
    *(memory->youngest != NULL ? &memory->youngest->younger : &memory->oldest) = entry;
    memory->youngest = entry;
    memory->num++;
    return entry;
}

static enum yg_memory_state look(const struct entry *entry, const uint8_t *command,
                                 enum yg_problem *ret_problem, struct yg_text *ret_text)
{
    if (memcmp(entry->command, command, YG_MEMORY_DIGEST) != 0)
        return YG_MEMORY_OTHER;
    if (entry->is_busy)
        return YG_MEMORY_BUSY;
    yg_text_add(ret_text, entry->text, entry->len);
    *ret_problem = entry->problem;
    return yg_text_failed(ret_text) ? YG_MEMORY_FAILED : YG_MEMORY_KNOWN;
}

enum yg_memory_state yg_memory_begin(struct yg_memory *memory, const uint8_t *key,
                                     const uint8_t *command, uint64_t now_ms,
                                     enum yg_problem *ret_problem, struct yg_text *ret_text)
{
    enum yg_memory_state state = YG_MEMORY_FRESH;
    struct entry *entry;

    pthread_mutex_lock(&memory->lock);
    trim(memory, now_ms, memory->max_answers);
    entry = *find(memory, key);
    if (entry != NULL) {
        state = look(entry, command, ret_problem, ret_text);
    } else {
        trim(memory, now_ms, memory->max_answers - 1);
        if (add(memory, key, command, now_ms) == NULL)
            state = YG_MEMORY_FAILED;
    }
    pthread_mutex_unlock(&memory->lock);
    return state;
}

void yg_memory_keep(struct yg_memory *memory, const uint8_t *key, enum yg_problem problem,
                    const char *ptr, size_t len)
{
    char *text = malloc(len + 1);
    struct entry **link;

    if (text != NULL && len > 0)
        memcpy(text, ptr, len);
    pthread_mutex_lock(&memory->lock);
    link = find(memory, key);
    if (*link != NULL && (*link)->is_busy && text != NULL) {
        (*link)->is_busy = false;
        (*link)->problem = problem;
        (*link)->text = text;
        (*link)->len = len;
        memory->bytes += len;
        text = NULL;
        trim(memory, 0, memory->max_answers);
    } else if (*link != NULL && (*link)->is_busy) {
        drop(memory, link);
    }
    pthread_mutex_unlock(&memory->lock);
    free(text);
}

void yg_memory_forget(struct yg_memory *memory, const uint8_t *key)
{
    struct entry **link;

    pthread_mutex_lock(&memory->lock);
    link = find(memory, key);
    if (*link != NULL && (*link)->is_busy)
        drop(memory, link);
    pthread_mutex_unlock(&memory->lock);
}

size_t yg_memory_num(struct yg_memory *memory)
{
    size_t num;

    pthread_mutex_lock(&memory->lock);
    num = memory->num;
    pthread_mutex_unlock(&memory->lock);
    return num;
}
