/* SPDX-License-Identifier: MIT */
#include "redis/scripts.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"

/* What leads to several servers by one connection is not asked for ever. */
#define MOST_MISSING 3

static bool write_digest(struct yd_redis_script *script)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(script->text, script->len, digest, &len, EVP_sha1(), NULL) != 1 ||
        2 * len + 1 != sizeof script->digest)
        return false;
    for (unsigned i = 0; i < len; i++) {
        script->digest[2 * i] = digits[digest[i] >> 4];
        script->digest[2 * i + 1] = digits[digest[i] & 15];
    }
    script->digest[2 * len] = '\0';
    return true;
}

static void add(struct yd_redis_scripts *scripts, const struct yodel_allocator *mem,
                yodel_bytes text)
{
    struct yd_redis_script *script;

    if (scripts->num == YD_REDIS_MOST_SCRIPTS ||
        (script = yd_alloc(mem, sizeof *script + text.len)) == NULL)
        return;
    script->bit = UINT32_C(1) << scripts->num;
    script->len = text.len;
    memcpy(script->text, text.ptr, text.len);
    if (write_digest(script))
        scripts->items[scripts->num++] = script;
    else
        yd_free(mem, script);
}

const struct yd_redis_script *yd_redis_script_find(struct yd_redis_scripts *scripts,
                                                   const struct yodel_allocator *mem,
                                                   yodel_bytes text)
{
    if (scripts->is_off || text.len == 0 || text.len > YD_REDIS_MOST_SCRIPT)
        return NULL;
    for (uint8_t i = 0; i < scripts->num; i++) {
        const struct yd_redis_script *script = scripts->items[i];

        if (script->len == text.len && memcmp(script->text, text.ptr, text.len) == 0)
            return script;
    }
    add(scripts, mem, text);
    return NULL;
}

void yd_redis_script_missing(struct yd_redis_scripts *scripts, bool for_good)
{
    if (for_good || ++scripts->num_missing == MOST_MISSING)
        scripts->is_off = true;
}

void yd_redis_scripts_done(struct yd_redis_scripts *scripts, const struct yodel_allocator *mem)
{
    for (uint8_t i = 0; i < scripts->num; i++)
        yd_free(mem, scripts->items[i]);
    scripts->num = 0;
}
