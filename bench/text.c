/* SPDX-License-Identifier: MIT */
/*
 * What a byte of an incoming message costs: unmasking, and the check that it is UTF-8, beside loops
 * that see one byte at a time.  Prints nanoseconds for each message, the least of many runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "proto/ws_frame.h"

#define MAX_SIZE ((size_t)1024 * 1024)
#define RUNS 200
#define RUN_BYTES ((size_t)1024 * 1024)

static const uint8_t key[4] = {0, 0, 0, 0}; /* the text stays what it is */

static bool unmask(uint8_t *text, size_t len)
{
    return yd_ws_mask(text, len, key, 0);
}

static bool check(uint8_t *text, size_t len)
{
    return yd_utf8_is_valid(text, len);
}

/* As a message is: ASCII needs no check of its own. */
static bool unmask_and_check(uint8_t *text, size_t len)
{
    return unmask(text, len) || check(text, len);
}

static bool unmask_bytewise(uint8_t *text, size_t len)
{
    const volatile uint8_t *slow = key; /* so that the compiler makes no vectors of it */

    for (size_t i = 0; i < len; i++)
        text[i] ^= slow[i % 4];
    return true;
}

static bool check_bytewise(uint8_t *text, size_t len)
{
    struct yd_utf8 utf8 = YD_UTF8_INIT;

    for (size_t i = 0; i < len; i++)
        if (!yd_utf8_feed(&utf8, text + i, 1))
            return false;
    return yd_utf8_is_complete(&utf8);
}

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(bool (*pass)(uint8_t *text, size_t len), uint8_t *text, size_t len)
{
    size_t num = RUN_BYTES / len;
    double least = 0;

    for (int run = 0; run < RUNS; run++) {
        double begin = now_ns(), took;

        for (size_t i = 0; i < num; i++)
            if (!pass(text, len) && pass != unmask)
                exit(EXIT_FAILURE);
        took = (now_ns() - begin) / (double)num;
        least = run == 0 || took < least ? took : least;
    }
    return least;
}

static void print_row(const char *name, uint8_t *text, size_t len)
{
    printf("%-9s %8zu %10.1f %10.1f %10.1f %14.1f %14.1f\n", name, len, measure(unmask, text, len),
           measure(check, text, len), measure(unmask_and_check, text, len),
           measure(unmask_bytewise, text, len), measure(check_bytewise, text, len));
}

int main(void)
{
    static const struct {
        const char *name, *piece;
    } texts[] = {{"ASCII", "abcdefghijkl"},
                 {"Latin", "fünf Mädchen"},
                 {"Cyrillic", "жукжук"},
                 {"Han", "漢字漢字"},
                 {"emoji", "😀😀😀"}};
    static const size_t sizes[] = {24, 120, 1020, 4092, 65532, 1048572};
    uint8_t *text = malloc(MAX_SIZE);

    if (text == NULL)
        return EXIT_FAILURE;
    printf("%-9s %8s %10s %10s %10s %14s %14s\n", "text", "bytes", "unmask", "UTF-8", "both",
           "unmask, slowly", "UTF-8, slowly");
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        size_t len = strlen(texts[t].piece);

        for (size_t at = 0; at + len <= MAX_SIZE; at += len)
            memcpy(text + at, texts[t].piece, len);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            print_row(texts[t].name, text, sizes[s] / len * len);
    }
    free(text);
    return EXIT_SUCCESS;
}
