/* SPDX-License-Identifier: MIT */
/* OpenSSL's own allocations fail: what servers use of it works again when there is memory. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <yodel/server.h>

/* Of the thread that runs: how many succeed until all fail; 0: none does. */
static _Thread_local size_t left;
static _Thread_local bool has_failed;

static bool fails(void)
{
    if (left == 0 || --left > 0)
        return false;
    left = 1;
    has_failed = true;
    return true;
}

static void *crypto_alloc(size_t size, const char *file, int line)
{
    return fails() ? NULL : malloc(size);
}

static void *crypto_resize(void *ptr, size_t size, const char *file, int line)
{
    return fails() ? NULL : realloc(ptr, size);
}

static void crypto_free(void *ptr, const char *file, int line)
{
    free(ptr);
}

static bool digests(void)
{
    uint8_t digest[EVP_MAX_MD_SIZE];

    return EVP_Digest("a", 1, digest, NULL, EVP_sha1(), NULL) == 1;
}

static bool makes_mac(void)
{
    uint8_t mac[EVP_MAX_MD_SIZE];

    return HMAC(EVP_sha256(), "k", 1, (const uint8_t *)"d", 1, mac, NULL) != NULL;
}

static bool draws(void)
{
    uint8_t bytes[12];

    return RAND_bytes(bytes, sizeof bytes) == 1;
}

static bool (*const uses[])(void) = {digests, makes_mac, draws};

struct attempt {
    bool (*use)(void);
    size_t n; /* the first allocation that fails; 0: none */
    bool worked, has_failed;
};

static void *run(void *arg)
{
    struct attempt *attempt = arg;

    has_failed = false;
    left = attempt->n;
    attempt->worked = attempt->use();
    left = 0;
    attempt->has_failed = has_failed;
    ERR_clear_error();
    return NULL;
}

/* On a thread of its own, as OpenSSL keeps some things for each. */
static struct attempt attempt(bool (*use)(void), size_t n)
{
    struct attempt made = {.use = use, .n = n};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, &made), 0);
    pthread_join(thread, NULL);
    return made;
}

/* In a process that has used nothing of OpenSSL but for its server.  Returns whether memory has
 * ended, and all works after that. */
static int end_of_child(bool (*use)(void), size_t n)
{
    yodel_server *server;
    struct attempt first;

    if (yodel_server_new(NULL, &server) < 0)
        return 2;
    first = attempt(use, n);
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        if (!attempt(uses[i], 0).worked)
            return 3;
    }
    yodel_server_unref(server);
    return first.has_failed ? 0 : 1;
}

static void test_crypto_works_again_with_memory(void **state)
{
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        for (size_t n = 1; n < 100; n += n < 8 ? 1 : n / 2) {
            pid_t child = fork();
            int status = -1;

            if (child == 0)
                _exit(end_of_child(uses[i], n));
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_works_again_with_memory),
    };

    if (CRYPTO_set_mem_functions(crypto_alloc, crypto_resize, crypto_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
