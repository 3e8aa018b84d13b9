/* SPDX-License-Identifier: MIT */
#include "admin/admin_sessions.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

static void write_hex(const uint8_t *bytes, size_t num, char *into)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < num; i++) {
        into[2 * i] = digits[bytes[i] >> 4];
        into[2 * i + 1] = digits[bytes[i] & 15];
    }
    into[2 * num] = '\0';
}

void yg_sessions_init(struct yg_sessions *sessions)
{
    memset(sessions, 0, sizeof(*sessions));
    pthread_mutex_init(&sessions->lock, NULL);
}

void yg_sessions_done(struct yg_sessions *sessions)
{
    pthread_mutex_destroy(&sessions->lock);
}

int yg_session_make(char ret_id[YG_SESSION_SIZE])
{
    uint8_t bytes[(YG_SESSION_SIZE - 1) / 2];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return -EIO;
    write_hex(bytes, sizeof(bytes), ret_id);
    return 0;
}

/* Of each text, and then of all: texts are not taken for one another. */
void yg_session_hash(yodel_str id, const char *username, const char *password_hash,
                     char ret_hash[YG_SESSION_HASH_SIZE])
{
    uint8_t parts[3][SHA256_DIGEST_LENGTH], hash[SHA256_DIGEST_LENGTH];

    SHA256((const uint8_t *)id.ptr, id.len, parts[0]);
    SHA256((const uint8_t *)username, strlen(username), parts[1]);
    SHA256((const uint8_t *)password_hash, strlen(password_hash), parts[2]);
    SHA256(parts[0], sizeof(parts), hash);
    write_hex(hash, sizeof(hash), ret_hash);
}

/* One that is free or over, or else that ends first. */
static struct yg_session_entry *replace(struct yg_sessions *sessions, uint64_t now_ms)
{
    struct yg_session_entry *first = &sessions->items[0];

    for (size_t i = 0; i < YG_SESSIONS; i++) {
        struct yg_session_entry *entry = &sessions->items[i];

        if (entry->until_ms <= now_ms)
            return entry;
        if (entry->until_ms < first->until_ms)
            first = entry;
    }
    return first;
}

void yg_sessions_add(struct yg_sessions *sessions, const char *hash, uint64_t now_ms)
{
    struct yg_session_entry *entry;

    pthread_mutex_lock(&sessions->lock);
    entry = replace(sessions, now_ms);
    memcpy(entry->hash, hash, YG_SESSION_HASH_SIZE);
    entry->until_ms = now_ms + YG_SESSION_MS;
    pthread_mutex_unlock(&sessions->lock);
}

bool yg_sessions_has(struct yg_sessions *sessions, const char *hash, uint64_t now_ms)
{
    bool has = false;

    pthread_mutex_lock(&sessions->lock);
    for (size_t i = 0; i < YG_SESSIONS && !has; i++) {
        const struct yg_session_entry *entry = &sessions->items[i];

        has = entry->until_ms > now_ms &&
              CRYPTO_memcmp(entry->hash, hash, YG_SESSION_HASH_SIZE - 1) == 0;
    }
    pthread_mutex_unlock(&sessions->lock);
    return has;
}
