/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_TEXT_H
#define YG_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <yodel/base.h>

/*
 * A text that grows.  Failures stick: after one nothing more is added, so a writer adds all it has
 * and looks once, with yg_text_failed().  All zero is an empty one.  Of one thread at a time.
 */
struct yg_text {
    char *ptr;  /* NUL-terminated once something was added; NULL before */
    size_t len; /* bytes, without the NUL */
    size_t cap;
    bool failed; /* out of memory */
};

void yg_text_add(struct yg_text *text, const char *ptr, size_t len);
static inline void yg_text_puts(struct yg_text *text, const char *string)
{
    yg_text_add(text, string, strlen(string)); /* of a literal it is known */
}

void yg_text_putc(struct yg_text *text, char c);
void yg_text_put_number(struct yg_text *text, int64_t number); /* in decimal */
void yg_text_printf(struct yg_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a number in decimal in front of end, 20 bytes at most, and returns where it begins. */
char *yg_text_digits(char *end, uint64_t number);

/* A JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void yg_text_put_json(struct yg_text *text, const char *ptr, size_t len);

/* A copy as a string, for free(); NULL when out of memory. */
char *yg_string_of(yodel_str text);

/* Whether the bytes are UTF-8. */
bool yg_text_is_utf8(const char *ptr, size_t len);

/* What is in it as a string, "" when nothing is; the text's own. */
const char *yg_text_string(const struct yg_text *text);

/* Whether something could not be added: then the content is not whole. */
bool yg_text_failed(const struct yg_text *text);

/* Memory for so many bytes: they are added without more.  0 or -ENOMEM. */
int yg_text_reserve(struct yg_text *text, size_t len);

/* Forgets what is behind the first len bytes, and a failure, and keeps the memory. */
void yg_text_cut(struct yg_text *text, size_t len);

/* Forgets the content and a failure, and keeps the memory. */
void yg_text_reset(struct yg_text *text);

/* Frees it; it is empty then. */
void yg_text_done(struct yg_text *text);

#endif
