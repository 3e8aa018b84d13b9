/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_TABLE_H
#define YG_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one table of options: what may stand in yodel.yaml, what it means, and where it goes in
 * struct yg_config.  Reading, checking, showing, explaining and the manual page are made from it.
 */

enum yg_type {
    YG_BOOL,     /* bool: true or false */
    YG_COUNT,    /* uint32_t: a plain number; "auto" is 0 where the option has that */
    YG_SIZE,     /* size_t, bytes: 64KiB, 1MiB, 2GiB, 100B */
    YG_DURATION, /* uint32_t, ms: 200ms, 5s, 10m, 1h, 2d */
    YG_RATE,     /* struct yg_rate: 100/s, 10/m, 1000/h; 0: no limit */
    YG_TEXT,     /* const char * */
    YG_WORD,     /* int: the place of a word among the option's words */
    YG_MODE,     /* uint32_t: 0660 */
    YG_TEXTS,    /* struct yg_texts: a list */
    YG_WORDS,    /* uint32_t: a list of words, a bit each */
    YG_PAIRS,    /* struct yg_pairs: a map of names to texts */
    YG_MAP,      /* a struct inside the struct: a map of options */
    YG_MAPS      /* {items, num}: a list of such maps */
};

/* Bits of yg_option.flags. */
enum {
    YG_LIVE = 1,       /* SIGHUP changes it; without this it needs a restart */
    YG_SECRET = 2,     /* is masked wherever it is shown */
    YG_NEEDED = 4,     /* must be set, and not to "" */
    YG_HAS_AUTO = 8,   /* a YG_COUNT that may be "auto" */
    YG_NOT_EMPTY = 16, /* a list that must have an item */
    YG_PATH = 32       /* of files: relative ones are beside the file that names them */
};

struct yg_table;

struct yg_option {
    const char *name;
    enum yg_type type;
    unsigned flags;
    size_t offset;        /* in the struct of its table */
    const char *fallback; /* the default, as one would write it; NULL: zero, "", empty */
    uint64_t min, max;    /* of numbers, in the unit of the field; of texts: bytes; of lists:
                           * items (max) */
    const char *words;    /* of YG_WORD and YG_WORDS: separated by blanks, in the order of the
                           * field's values or bits */
    const struct yg_table *table; /* of YG_MAP and YG_MAPS */
    const char *doc;              /* one sentence */
};

struct yg_table {
    const char *name; /* what an item is called: "listener" */
    size_t size;      /* of the struct */
    const char *id;   /* of items of lists: the option that tells them apart; NULL: none */
    const struct yg_option *options;
    size_t num;
};

/* The table of the whole file. */
extern const struct yg_table yg_table_root;

/* The option of a name; NULL when the table has none. */
const struct yg_option *yg_table_find(const struct yg_table *table, const char *name, size_t len);

/* The option that a name with "_file" behind it stands for, of a text only; else NULL. */
const struct yg_option *yg_table_find_twin(const struct yg_table *table, const char *name);

/* The option of the table whose name is nearest to word; NULL when none is near. */
const char *yg_table_nearest(const struct yg_table *table, const char *word);

/* What values of an option look like, for people: "a duration, such as 5s".  Static. */
const char *yg_type_text(enum yg_type type);

/* The n-th word of an option's words, with its length; NULL past the last. */
const char *yg_option_word(const struct yg_option *option, unsigned n, size_t *ret_len);

/* How many words an option has. */
unsigned yg_option_num_words(const struct yg_option *option);

#endif
