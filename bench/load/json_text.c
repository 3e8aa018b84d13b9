/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chat-like records: the field names repeat, names and words come from small sets, numbers are
 * new.  Deflate finds about what it finds in the traffic of an application. */
static const char *const names[] = {"anna", "bert",  "carla", "david", "elena", "farid", "greta",
                                    "hugo", "irene", "jonas", "karin", "luca",  "mara",  "nils"};
static const char *const words[] = {
    "the",   "order", "from",  "table", "is",   "ready", "please", "send",
    "price", "to",    "every", "room",  "with", "new",   "score",  "after",
};

/* Numerical Recipes' constants for a linear congruential generator. */
static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static const char *pick(const char *const *list, size_t num, unsigned *state)
{
    return list[next_random(state) % num];
}

#define PICK(list, state) pick(list, sizeof(list) / sizeof(list)[0], state)

static int write_record(char *out, size_t room, unsigned *state)
{
    return snprintf(out, room,
                    "{\"id\":%u,\"from\":\"%s\",\"text\":\"%s %s %s %s\",\"at\":17%08u%02u}",
                    next_random(state) % 100000, PICK(names, state), PICK(words, state),
                    PICK(words, state), PICK(words, state), PICK(words, state),
                    next_random(state) % 100000000, next_random(state) % 100);
}

/* Fills text with words; the last one is cut. */
static void write_words(char *text, size_t len, unsigned *state)
{
    const char *word = "";

    for (size_t i = 0; i < len; i++) {
        if (*word == '\0') {
            word = PICK(words, state);
            text[i] = ' ';
        } else {
            text[i] = *word++;
        }
    }
}

/* Records in an array, as many as fit, and a string that fills the rest: ["the order",{...},...] */
uint8_t *message_json(unsigned index, size_t size)
{
    unsigned state = 2463534242u + index * 2654435761u;
    char *text = malloc(size + 1), record[256];
    size_t at = size - 1;

    if (text == NULL)
        return NULL;
    text[at] = ']';
    for (;;) {
        int len = write_record(record, sizeof record, &state);

        if ((size_t)len + sizeof "[\"\"," > at)
            break;
        at -= (size_t)len;
        memcpy(text + at, record, (size_t)len);
        text[--at] = ',';
    }
    memcpy(text, "[\"", 2);
    write_words(text + 2, at - 3, &state);
    text[at - 1] = '"';
    return (uint8_t *)text;
}
