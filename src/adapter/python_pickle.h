/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_PYTHON_PICKLE_H
#define YD_ADAPTER_PYTHON_PICKLE_H

#include <stdbool.h>
#include <yodel/base.h>

#include "base/buf.h"

/*
 * Pickles of plain data (Python's pickletools, protocols 2 to 5), read without running anything:
 * None, bool, int, float, str, bytes, bytearray, list, tuple, dict.  An opcode that would import,
 * call, build an object or ask for a persistent one ends the reading.
 *
 * Values are numbers of what was read; one may be part of several others, and of itself, as in
 * Python.  Texts and bytes are views of the pickle.
 */

#define YD_PICKLE_MAX_VALUES (1u << 18) /* values, places in the memo, items of lists */
#define YD_PICKLE_MAX_INT 127           /* bytes of a long integer */

enum yd_pickle_type {
    YD_PICKLE_NONE = 1,
    YD_PICKLE_FALSE,
    YD_PICKLE_TRUE,
    YD_PICKLE_INT,
    YD_PICKLE_REAL, /* and integers beyond 64 bits */
    YD_PICKLE_TEXT, /* valid UTF-8 */
    YD_PICKLE_BYTES,
    YD_PICKLE_LIST,
    YD_PICKLE_TUPLE,
    YD_PICKLE_DICT /* items: name, value, name, value */
};

struct yd_pickle_value {
    uint8_t type;   /* enum yd_pickle_type */
    uint32_t count; /* of items */
    union {
        int64_t integer;
        double real;
        yodel_bytes bytes; /* also of texts */
        struct {
            uint32_t first, last; /* of items */
        } items;
    } as;
};

/* An item of a list; next 0: the last one. */
struct yd_pickle_item {
    uint32_t value, next;
};

/* All zero is empty. */
struct yd_pickle {
    const struct yodel_allocator *mem;
    struct yd_buf values; /* struct yd_pickle_value; number 0 is no value */
    struct yd_buf items;  /* struct yd_pickle_item; number 0 is none */
    struct yd_buf stack;  /* uint32_t: values, 0 is a mark */
    struct yd_buf memo;   /* uint32_t, 0: nothing is there */
    uint32_t root;
};

/*
 * Reads a pickle, which must live as long as what was read.  ret_pickle need not be initialised,
 * and is freed on failure.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_UNSUPPORTED (an opcode that is not for plain data: refused),
 * YODEL_ERR_TOO_BIG (YD_PICKLE_MAX_*), YODEL_ERR_PROTOCOL.
 */
int yd_pickle_read(const struct yodel_allocator *mem, yodel_bytes bytes,
                   struct yd_pickle *ret_pickle);
/* Once more does nothing. */
void yd_pickle_free(struct yd_pickle *pickle);

/* number: of a value or an item, not 0. */
const struct yd_pickle_value *yd_pickle_get(const struct yd_pickle *pickle, uint32_t number);
const struct yd_pickle_item *yd_pickle_item(const struct yd_pickle *pickle, uint32_t number);

/* The value of the last item of that name in a dict; 0: none, or another type. */
uint32_t yd_pickle_member(const struct yd_pickle *pickle, uint32_t dict, const char *name);

/* Bytes that stand in JSON as {"_placeholder":true,"num":i}. */
struct yd_pickle_binary {
    yodel_bytes *data; /* views of the pickle */
    size_t num, max;
};

/*
 * Appends the value as JSON text, as Python's json would: tuples are arrays, names that are numbers
 * or None are texts.  Reals that are not finite are null.
 *
 * max_len   bytes of buf
 * binary    where bytes go; NULL: they are YODEL_ERR_PROTOCOL
 *
 * Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (max_len, binary->max), YODEL_ERR_PROTOCOL (deeper than
 * YD_JSON_DEPTH, also as it is part of itself; names of another type); buf may have grown.
 */
int yd_pickle_put_json(const struct yd_pickle *pickle, uint32_t value, size_t max_len,
                       struct yd_pickle_binary *binary, struct yd_buf *buf);
/* The same of the items of a list or tuple, with commas between them. */
int yd_pickle_put_items(const struct yd_pickle *pickle, uint32_t list, size_t max_len,
                        struct yd_pickle_binary *binary, struct yd_buf *buf);

#endif
