/* SPDX-License-Identifier: MIT */
#include "adapter/python_pickle.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

/* The machine of Python's pickletools, as far as it makes plain data. */

enum opcode {
    OP_PROTO = 0x80,
    OP_FRAME = 0x95,
    OP_STOP = '.',
    OP_MARK = '(',
    OP_NONE = 'N',
    OP_TRUE = 0x88,
    OP_FALSE = 0x89,
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_LONG1 = 0x8a,
    OP_LONG4 = 0x8b,
    OP_BINFLOAT = 'G',
    OP_SHORT_TEXT = 0x8c,
    OP_TEXT = 'X',
    OP_TEXT8 = 0x8d,
    OP_SHORT_BYTES = 'C',
    OP_BYTES = 'B',
    OP_BYTES8 = 0x8e,
    OP_BYTEARRAY8 = 0x96,
    OP_EMPTY_LIST = ']',
    OP_APPEND = 'a',
    OP_APPENDS = 'e',
    OP_LIST = 'l',
    OP_EMPTY_TUPLE = ')',
    OP_TUPLE = 't',
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_EMPTY_DICT = '}',
    OP_SETITEM = 's',
    OP_SETITEMS = 'u',
    OP_DICT = 'd',
    OP_PUT = 'q',
    OP_LONG_PUT = 'r',
    OP_MEMOIZE = 0x94,
    OP_GET = 'h',
    OP_LONG_GET = 'j'
};

/* What the opcodes of pickletools that are not above begin: objects, calls, sets, texts of old
 * protocols. */
#define REFUSED "012FILSVTUPQRbcgiop\x81\x82\x83\x84\x8f\x90\x91\x92\x93\x97\x98"

struct reader {
    struct yd_pickle *pickle;
    const uint8_t *at, *end;
};

/* ---- tables ---- */

static size_t num_of(const struct yd_buf *table, size_t size)
{
    return table->len / size;
}

const struct yd_pickle_value *yd_pickle_get(const struct yd_pickle *pickle, uint32_t number)
{
    return (const struct yd_pickle_value *)(const void *)pickle->values.ptr + number;
}

const struct yd_pickle_item *yd_pickle_item(const struct yd_pickle *pickle, uint32_t number)
{
    return (const struct yd_pickle_item *)(const void *)pickle->items.ptr + number;
}

static struct yd_pickle_value *value_at(struct yd_pickle *pickle, uint32_t number)
{
    return (struct yd_pickle_value *)(void *)pickle->values.ptr + number;
}

static uint32_t *numbers(const struct yd_buf *table)
{
    return (uint32_t *)(void *)table->ptr;
}

static int add(struct yd_pickle *pickle, struct yd_buf *table, const void *entry, size_t size)
{
    if (num_of(table, size) > YD_PICKLE_MAX_VALUES)
        return YODEL_ERR_TOO_BIG;
    return yd_buf_append(pickle->mem, table, entry, size);
}

/* ---- the stack ---- */

static int push_number(struct yd_pickle *pickle, uint32_t number)
{
    return add(pickle, &pickle->stack, &number, sizeof number);
}

static int push(struct yd_pickle *pickle, struct yd_pickle_value value)
{
    uint32_t number = (uint32_t)num_of(&pickle->values, sizeof value);
    int rc = add(pickle, &pickle->values, &value, sizeof value);

    return rc < 0 ? rc : push_number(pickle, number);
}

static int push_type(struct yd_pickle *pickle, enum yd_pickle_type type)
{
    return push(pickle, (struct yd_pickle_value){.type = (uint8_t)type});
}

static size_t height(const struct yd_pickle *pickle)
{
    return num_of(&pickle->stack, sizeof(uint32_t));
}

static void drop_to(struct yd_pickle *pickle, size_t to)
{
    pickle->stack.len = to * sizeof(uint32_t);
}

/* How many values lie above the last mark, or among the last num; -1: there are not so many. */
static long above_mark(const struct yd_pickle *pickle)
{
    size_t top = height(pickle);

    for (size_t at = top; at > 0; at--)
        if (numbers(&pickle->stack)[at - 1] == 0)
            return (long)(top - at);
    return -1;
}

static bool are_values(const struct yd_pickle *pickle, size_t num)
{
    size_t top = height(pickle);

    if (num > top)
        return false;
    for (size_t i = 0; i < num; i++)
        if (numbers(&pickle->stack)[top - num + i] == 0)
            return false;
    return true;
}

/* ---- lists ---- */

static int add_item(struct yd_pickle *pickle, uint32_t list, uint32_t value)
{
    uint32_t number = (uint32_t)num_of(&pickle->items, sizeof(struct yd_pickle_item));
    struct yd_pickle_value *owner;
    int rc;

    rc = add(pickle, &pickle->items, &(struct yd_pickle_item){value, 0},
             sizeof(struct yd_pickle_item));
    if (rc < 0)
        return rc;
    owner = value_at(pickle, list);
    if (owner->count++ == 0)
        owner->as.items.first = number;
    else
        ((struct yd_pickle_item *)(void *)pickle->items.ptr)[owner->as.items.last].next = number;
    owner->as.items.last = number;
    return 0;
}

/* Moves the last num values of the stack into list. */
static int take_items(struct yd_pickle *pickle, uint32_t list, size_t num)
{
    size_t from = height(pickle) - num;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < num; i++)
        rc = add_item(pickle, list, numbers(&pickle->stack)[from + i]);
    drop_to(pickle, from);
    return rc;
}

/* The last num values, without the mark under them if there is one, become a new one. */
static int collect(struct yd_pickle *pickle, enum yd_pickle_type type, long num, bool marked)
{
    uint32_t list = (uint32_t)num_of(&pickle->values, sizeof(struct yd_pickle_value));
    int rc;

    if (num < 0 || !are_values(pickle, (size_t)num) || (type == YD_PICKLE_DICT && num % 2 != 0))
        return YODEL_ERR_PROTOCOL;
    rc = add(pickle, &pickle->values, &(struct yd_pickle_value){.type = (uint8_t)type},
             sizeof(struct yd_pickle_value));
    if (rc == 0)
        rc = take_items(pickle, list, (size_t)num);
    if (rc < 0)
        return rc;
    if (marked)
        drop_to(pickle, height(pickle) - 1);
    return push_number(pickle, list);
}

/* The last num values go into the list or dict under them, and under the mark if there is one. */
static int extend(struct yd_pickle *pickle, enum yd_pickle_type type, long num, bool marked)
{
    size_t under = (size_t)num + marked;
    uint32_t list;
    int rc;

    if (num < 0 || !are_values(pickle, (size_t)num) || height(pickle) <= under ||
        (type == YD_PICKLE_DICT && num % 2 != 0))
        return YODEL_ERR_PROTOCOL;
    list = numbers(&pickle->stack)[height(pickle) - under - 1];
    if (list == 0 || yd_pickle_get(pickle, list)->type != type)
        return YODEL_ERR_PROTOCOL;
    rc = take_items(pickle, list, (size_t)num);
    if (rc == 0 && marked)
        drop_to(pickle, height(pickle) - 1);
    return rc;
}

/* ---- the memo ---- */

static int put_memo(struct yd_pickle *pickle, uint64_t at)
{
    static const uint32_t nothing = 0;
    int rc = 0;

    if (!are_values(pickle, 1))
        return YODEL_ERR_PROTOCOL;
    if (at >= YD_PICKLE_MAX_VALUES)
        return YODEL_ERR_TOO_BIG;
    while (rc == 0 && num_of(&pickle->memo, sizeof nothing) <= at)
        rc = add(pickle, &pickle->memo, &nothing, sizeof nothing);
    if (rc == 0)
        numbers(&pickle->memo)[at] = numbers(&pickle->stack)[height(pickle) - 1];
    return rc;
}

static int get_memo(struct yd_pickle *pickle, uint64_t at)
{
    if (at >= num_of(&pickle->memo, sizeof(uint32_t)) || numbers(&pickle->memo)[at] == 0)
        return YODEL_ERR_PROTOCOL;
    return push_number(pickle, numbers(&pickle->memo)[at]);
}

/* ---- what stands after an opcode ---- */

/* An unsigned integer of size bytes, low byte first. */
static bool get_uint(struct reader *reader, size_t size, uint64_t *ret_number)
{
    uint64_t number = 0;

    if ((size_t)(reader->end - reader->at) < size)
        return false;
    for (size_t i = 0; i < size; i++)
        number |= (uint64_t)reader->at[i] << 8 * i;
    reader->at += size;
    *ret_number = number;
    return true;
}

/* So many bytes as an integer of size bytes says. */
static bool get_counted(struct reader *reader, size_t size, yodel_bytes *ret_bytes)
{
    uint64_t len;

    if (!get_uint(reader, size, &len) || len > (uint64_t)(reader->end - reader->at))
        return false;
    *ret_bytes = (yodel_bytes){reader->at, (size_t)len};
    reader->at += len;
    return true;
}

static int push_bytes(struct reader *reader, enum yd_pickle_type type, size_t size)
{
    struct yd_pickle_value value = {.type = (uint8_t)type};
    yodel_bytes *bytes = &value.as.bytes;

    if (!get_counted(reader, size, bytes) ||
        (type == YD_PICKLE_TEXT && !yd_utf8_is_valid((const char *)bytes->ptr, bytes->len)))
        return YODEL_ERR_PROTOCOL;
    return push(reader->pickle, value);
}

static int push_int(struct yd_pickle *pickle, int64_t number)
{
    return push(pickle, (struct yd_pickle_value){.type = YD_PICKLE_INT, .as.integer = number});
}

static int push_real(struct yd_pickle *pickle, double number)
{
    return push(pickle, (struct yd_pickle_value){.type = YD_PICKLE_REAL, .as.real = number});
}

static int push_uint(struct reader *reader, size_t size)
{
    uint64_t number;

    if (!get_uint(reader, size, &number))
        return YODEL_ERR_PROTOCOL;
    return push_int(reader->pickle, size == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* Two's complement of any length; beyond 64 bits the nearest real, or about that. */
static int push_long(struct reader *reader, size_t size)
{
    yodel_bytes bytes;
    uint64_t low = 0;
    double real = 0;
    bool negative;

    if (!get_counted(reader, size, &bytes))
        return YODEL_ERR_PROTOCOL;
    if (bytes.len > YD_PICKLE_MAX_INT)
        return YODEL_ERR_TOO_BIG;
    negative = bytes.len > 0 && (bytes.ptr[bytes.len - 1] & 0x80) != 0;
    for (size_t i = bytes.len; i > 0; i--)
        real = real * 256 + (negative ? 0xff - bytes.ptr[i - 1] : bytes.ptr[i - 1]);
    if (bytes.len > 8)
        return push_real(reader->pickle, negative ? -real - 1 : real);
    for (size_t i = 0; i < 8; i++)
        low |= (uint64_t)(i < bytes.len ? bytes.ptr[i] : negative ? 0xff : 0) << 8 * i;
    return push_int(reader->pickle, (int64_t)low);
}

/* IEEE 754, high byte first. */
static int push_double(struct reader *reader)
{
    uint64_t bits = 0;
    double number;

    if (reader->end - reader->at < 8)
        return YODEL_ERR_PROTOCOL;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | *reader->at++;
    memcpy(&number, &bits, sizeof number);
    return push_real(reader->pickle, number);
}

static int memo(struct reader *reader, size_t size, int use(struct yd_pickle *, uint64_t))
{
    uint64_t at;

    return get_uint(reader, size, &at) ? use(reader->pickle, at) : YODEL_ERR_PROTOCOL;
}

static int check_frame(struct reader *reader)
{
    uint64_t len;

    if (!get_uint(reader, 8, &len) || len > (uint64_t)(reader->end - reader->at))
        return YODEL_ERR_PROTOCOL;
    return 0;
}

static int check_version(struct reader *reader)
{
    uint64_t version;

    if (!get_uint(reader, 1, &version))
        return YODEL_ERR_PROTOCOL;
    return version >= 2 && version <= 5 ? 0 : YODEL_ERR_UNSUPPORTED;
}

/* ---- opcodes ---- */

static int read_scalar(struct reader *reader, uint8_t opcode)
{
    switch (opcode) {
    case OP_NONE:
        return push_type(reader->pickle, YD_PICKLE_NONE);
    case OP_TRUE:
        return push_type(reader->pickle, YD_PICKLE_TRUE);
    case OP_FALSE:
        return push_type(reader->pickle, YD_PICKLE_FALSE);
    case OP_BININT:
        return push_uint(reader, 4);
    case OP_BININT1:
        return push_uint(reader, 1);
    case OP_BININT2:
        return push_uint(reader, 2);
    case OP_LONG1:
        return push_long(reader, 1);
    case OP_LONG4:
        return push_long(reader, 4);
    case OP_BINFLOAT:
        return push_double(reader);
    case OP_SHORT_TEXT:
        return push_bytes(reader, YD_PICKLE_TEXT, 1);
    case OP_TEXT:
        return push_bytes(reader, YD_PICKLE_TEXT, 4);
    case OP_TEXT8:
        return push_bytes(reader, YD_PICKLE_TEXT, 8);
    case OP_SHORT_BYTES:
        return push_bytes(reader, YD_PICKLE_BYTES, 1);
    case OP_BYTES:
        return push_bytes(reader, YD_PICKLE_BYTES, 4);
    case OP_BYTES8:
    case OP_BYTEARRAY8:
        return push_bytes(reader, YD_PICKLE_BYTES, 8);
    default:
        return memchr(REFUSED, opcode, sizeof REFUSED - 1) != NULL ? YODEL_ERR_UNSUPPORTED
                                                                   : YODEL_ERR_PROTOCOL;
    }
}

static int read_opcode(struct reader *reader, uint8_t opcode)
{
    struct yd_pickle *pickle = reader->pickle;

    switch (opcode) {
    case OP_PROTO:
        return check_version(reader);
    case OP_FRAME:
        return check_frame(reader);
    case OP_MARK:
        return push_number(pickle, 0);
    case OP_EMPTY_LIST:
        return push_type(pickle, YD_PICKLE_LIST);
    case OP_APPEND:
        return extend(pickle, YD_PICKLE_LIST, 1, false);
    case OP_APPENDS:
        return extend(pickle, YD_PICKLE_LIST, above_mark(pickle), true);
    case OP_LIST:
        return collect(pickle, YD_PICKLE_LIST, above_mark(pickle), true);
    case OP_EMPTY_TUPLE:
        return push_type(pickle, YD_PICKLE_TUPLE);
    case OP_TUPLE:
        return collect(pickle, YD_PICKLE_TUPLE, above_mark(pickle), true);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return collect(pickle, YD_PICKLE_TUPLE, opcode - OP_TUPLE1 + 1, false);
    case OP_EMPTY_DICT:
        return push_type(pickle, YD_PICKLE_DICT);
    case OP_SETITEM:
        return extend(pickle, YD_PICKLE_DICT, 2, false);
    case OP_SETITEMS:
        return extend(pickle, YD_PICKLE_DICT, above_mark(pickle), true);
    case OP_DICT:
        return collect(pickle, YD_PICKLE_DICT, above_mark(pickle), true);
    case OP_PUT:
        return memo(reader, 1, put_memo);
    case OP_LONG_PUT:
        return memo(reader, 4, put_memo);
    case OP_MEMOIZE:
        return put_memo(pickle, num_of(&pickle->memo, sizeof(uint32_t)));
    case OP_GET:
        return memo(reader, 1, get_memo);
    case OP_LONG_GET:
        return memo(reader, 4, get_memo);
    default:
        return read_scalar(reader, opcode);
    }
}

/* Up to the end, where one value is left. */
static int read_all(struct reader *reader)
{
    struct yd_pickle *pickle = reader->pickle;
    int rc = 0;

    if (reader->end - reader->at < 2 || *reader->at != OP_PROTO)
        return YODEL_ERR_PROTOCOL;
    while (reader->at < reader->end && *reader->at != OP_STOP)
        if ((rc = read_opcode(reader, *reader->at++)) < 0)
            return rc;
    if (reader->end - reader->at != 1 || height(pickle) != 1 || !are_values(pickle, 1))
        return YODEL_ERR_PROTOCOL;
    pickle->root = numbers(&pickle->stack)[0];
    return 0;
}

int yd_pickle_read(const struct yodel_allocator *mem, yodel_bytes bytes,
                   struct yd_pickle *ret_pickle)
{
    static const struct yd_pickle_value no_value;
    static const struct yd_pickle_item no_item;
    struct reader reader = {ret_pickle, bytes.ptr, bytes.ptr + bytes.len};
    int rc;

    *ret_pickle = (struct yd_pickle){.mem = mem};
    rc = add(ret_pickle, &ret_pickle->values, &no_value, sizeof no_value);
    if (rc == 0)
        rc = add(ret_pickle, &ret_pickle->items, &no_item, sizeof no_item);
    if (rc == 0)
        rc = read_all(&reader);
    if (rc < 0)
        yd_pickle_free(ret_pickle);
    return rc;
}

void yd_pickle_free(struct yd_pickle *pickle)
{
    if (pickle->mem == NULL)
        return;
    yd_buf_free(pickle->mem, &pickle->values);
    yd_buf_free(pickle->mem, &pickle->items);
    yd_buf_free(pickle->mem, &pickle->stack);
    yd_buf_free(pickle->mem, &pickle->memo);
}

uint32_t yd_pickle_member(const struct yd_pickle *pickle, uint32_t dict, const char *name)
{
    const struct yd_pickle_value *value = yd_pickle_get(pickle, dict);
    size_t len = strlen(name);
    uint32_t found = 0;

    if (value->type != YD_PICKLE_DICT)
        return 0;
    for (uint32_t at = value->as.items.first; at != 0;) {
        const struct yd_pickle_item *key = yd_pickle_item(pickle, at);
        const struct yd_pickle_value *text = yd_pickle_get(pickle, key->value);

        if (text->type == YD_PICKLE_TEXT && text->as.bytes.len == len &&
            memcmp(text->as.bytes.ptr, name, len) == 0)
            found = yd_pickle_item(pickle, key->next)->value;
        at = yd_pickle_item(pickle, key->next)->next;
    }
    return found;
}
