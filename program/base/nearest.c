/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int lower(char c)
{
    return tolower((unsigned char)c);
}

/* Optimal string alignment, with the last three rows of its table. */
unsigned yg_nearest_distance(const char *a, const char *b)
{
    unsigned rows[3][YG_NEAREST_MAX + 1] = {{0}};
    const size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > YG_NEAREST_MAX || b_len > YG_NEAREST_MAX)
        return YG_NEAREST_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            const unsigned change = lower(a[i - 1]) != lower(b[j - 1]);

            row[j] = min(min(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = min(row[j], before[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void yg_nearest_init(struct yg_nearest *nearest, const char *word)
{
    *nearest = (struct yg_nearest){.word = word, .distance = YG_NEAREST_MAX};
}

void yg_nearest_show(struct yg_nearest *nearest, const char *name)
{
    const unsigned distance = yg_nearest_distance(nearest->word, name);
    const size_t len = strlen(name);

    if (distance >= nearest->distance || distance > (len < 3 ? 1 : (len + 2) / 3))
        return;
    nearest->distance = distance;
    nearest->best = name;
}
