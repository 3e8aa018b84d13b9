/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_NEAREST_H
#define YG_BASE_NEAREST_H

#include <stddef.h>

/* Which name was meant: for "did you mean" behind a word that is not known. */

/* The longest word that is looked at; longer ones are near to nothing. */
#define YG_NEAREST_MAX 64

/*
 * How many letters must be put in, left out, changed or swapped with their neighbour to make one
 * word of the other; upper and lower case are the same.
 *
 * Returns the number; YG_NEAREST_MAX for words that are longer than that.
 */
unsigned yg_nearest_distance(const char *a, const char *b);

/* The best of several candidates, which are shown one by one. */
struct yg_nearest {
    const char *word;
    const char *best; /* of the names that were shown: borrowed; NULL: none is near */
    unsigned distance;
};

/* Begins: word is borrowed. */
void yg_nearest_init(struct yg_nearest *nearest, const char *word);

/* Shows it a name, borrowed.  One that needs more than a third of its letters changed is not near.
 */
void yg_nearest_show(struct yg_nearest *nearest, const char *name);

#endif
