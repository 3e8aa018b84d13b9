/* SPDX-License-Identifier: MIT */
#include "hook/cache.h"

#include <openssl/evp.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct yg_cached {
    uint8_t key[YG_CACHE_KEY];
    struct yg_cached *older, *younger;
    uint64_t end_ms;
    struct yg_text text;
};

static int compare(const void *left, const void *right)
{
    const struct yg_cached *a = left, *b = right;

    return memcmp(a->key, b->key, sizeof(a->key));
}

bool yg_hook_cache_key(yodel_str question, uint8_t ret_key[YG_CACHE_KEY])
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    const bool made = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                      EVP_DigestUpdate(digest, question.ptr, question.len) == 1 &&
                      EVP_DigestFinal_ex(digest, ret_key, NULL) == 1;

    EVP_MD_CTX_free(digest);
    return made;
}

static void drop(struct yg_hook_cache *cache, struct yg_cached *cached)
{
    (void)tdelete(cached, &cache->tree, compare);
    *(cached->older != NULL ? &cached->older->younger : &cache->oldest) = cached->younger;
    *(cached->younger != NULL ? &cached->younger->older : &cache->youngest) = cached->older;
    cache->num--;
    yg_text_done(&cached->text);
    free(cached);
}

static struct yg_cached *find(struct yg_hook_cache *cache, const uint8_t key[YG_CACHE_KEY])
{
    struct yg_cached wanted;
    void *found;

    memcpy(wanted.key, key, sizeof(wanted.key));
    found = tfind(&wanted, &cache->tree, compare);
    return found != NULL ? *(struct yg_cached **)found : NULL;
}

bool yg_hook_cache_find(struct yg_hook_cache *cache, const uint8_t key[YG_CACHE_KEY],
                        uint64_t now_ms, const char *ns, struct yg_hook_answer **ret_answer)
{
    const struct yg_hook_asked asked = {"", YG_HOOK_CONNECT, false, ns};
    struct yg_cached *cached = find(cache, key);
    struct yg_json wrong;

    if (cached == NULL)
        return false;
    if (now_ms >= cached->end_ms) {
        drop(cache, cached);
        return false;
    }
    return yg_hook_answer_parse((yodel_str){cached->text.ptr, cached->text.len}, &asked, 1, &wrong,
                                ret_answer) == 0;
}

/* Without its id, which is of the event that was answered. */
static bool put_object(struct yg_text *text, const json_t *said)
{
    json_t *copy = said != NULL ? json_copy((json_t *)(uintptr_t)said) : json_object();

    if (copy == NULL)
        return false;
    (void)json_object_del(copy, "id");
    yg_json_put(text, copy, 0);
    json_decref(copy);
    return !yg_text_failed(text) && text->len <= YG_CACHE_BYTES;
}

static void enter(struct yg_hook_cache *cache, struct yg_cached *cached)
{
    cached->older = cache->youngest;
    *(cache->youngest != NULL ? &cache->youngest->younger : &cache->oldest) = cached;
    cache->youngest = cached;
    cache->num++;
    if (cache->num > YG_CACHE_ANSWERS)
        drop(cache, cache->oldest);
}

void yg_hook_cache_put(struct yg_hook_cache *cache, const uint8_t key[YG_CACHE_KEY],
                       uint64_t end_ms, const json_t *said)
{
    struct yg_cached *cached = find(cache, key);

    if (cached != NULL)
        drop(cache, cached);
    cached = calloc(1, sizeof(*cached));
    if (cached == NULL)
        return;
    memcpy(cached->key, key, sizeof(cached->key));
    cached->end_ms = end_ms;
    if (!put_object(&cached->text, said) || tsearch(cached, &cache->tree, compare) == NULL) {
        yg_text_done(&cached->text);
        free(cached);
        return;
    }
    enter(cache, cached);
}

void yg_hook_cache_clear(struct yg_hook_cache *cache)
{
    while (cache->oldest != NULL)
        drop(cache, cache->oldest);
}
