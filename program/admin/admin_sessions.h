/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_ADMIN_SESSIONS_H
#define YG_ADMIN_ADMIN_SESSIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

/*
 * Sessions of the admin page: a random id that the page stores, so that a reload asks for no
 * password.  Kept as SHA-256, so nobody who reads memory or Redis can use them, and together with
 * the password, so that they end when that is changed.  As many as
 * YG_SESSIONS, above which the one that ends first goes.  Any thread.
 */

#define YG_SESSIONS 1000
#define YG_SESSION_MS (24u * 3600 * 1000)
#define YG_SESSION_SIZE 33 /* 32 hexadecimal digits and a NUL; of a hash 64 */
#define YG_SESSION_HASH_SIZE 65

struct yg_session_entry {
    char hash[YG_SESSION_HASH_SIZE];
    uint64_t until_ms; /* 0: free */
};

struct yg_sessions {
    pthread_mutex_t lock;
    struct yg_session_entry items[YG_SESSIONS];
};

void yg_sessions_init(struct yg_sessions *sessions);
void yg_sessions_done(struct yg_sessions *sessions);

/* A new id.  0 or -EIO (no random numbers). */
int yg_session_make(char ret_id[YG_SESSION_SIZE]);

/* The name under which it is kept; of that user with that password alone. */
void yg_session_hash(yodel_str id, const char *username, const char *password_hash,
                     char ret_hash[YG_SESSION_HASH_SIZE]);

/* now_ms: of a clock that does not go back. */
void yg_sessions_add(struct yg_sessions *sessions, const char *hash, uint64_t now_ms);
bool yg_sessions_has(struct yg_sessions *sessions, const char *hash, uint64_t now_ms);

#endif
