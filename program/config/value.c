/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first: as they are written. */
static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit sizes[] = {
    {"GiB", (uint64_t)1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};
static const struct unit periods[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}};
#define NUM(list) (sizeof(list) / sizeof((list)[0]))

/* The digits at the beginning; NULL when there are none, or more than a uint64_t surely holds. */
static const char *read_digits(const char *text, uint64_t *ret_number)
{
    const size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 18 || (len > 1 && text[0] == '0'))
        return NULL;
    *ret_number = strtoull(text, NULL, 10);
    return text + len;
}

static const struct unit *find_unit(const struct unit *units, size_t num, const char *name)
{
    for (size_t i = 0; i < num; i++) {
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    }
    return NULL;
}

static int refuse_kind(const struct yg_option *option, const char *text, char problem[256])
{
    snprintf(problem, 256, "\"%.100s\" is not %s", text, yg_type_text(option->type));
    return -EINVAL;
}

/* What a number of the option's unit is as text. */
static void put_number(struct yg_text *text, const struct unit *units, size_t num, uint64_t number)
{
    for (size_t i = 0; i < num; i++) {
        if (number > 0 && number % units[i].factor == 0) {
            yg_text_printf(text, "%" PRIu64 "%s", number / units[i].factor, units[i].name);
            return;
        }
    }
    yg_text_printf(text, "%" PRIu64, number);
}

static void put_number_of(struct yg_text *text, enum yg_type type, uint64_t number)
{
    if (type == YG_DURATION)
        put_number(text, durations, NUM(durations), number);
    else if (type == YG_SIZE)
        put_number(text, sizes, NUM(sizes), number);
    else
        yg_text_printf(text, "%" PRIu64, number);
}

static int check_bounds(const struct yg_option *option, const char *text, uint64_t number,
                        char problem[256])
{
    char room[3][32];
    const uint64_t shown[3] = {0, option->min, option->max};

    if (number >= option->min && number <= option->max)
        return 0;
    for (unsigned i = 1; i < 3; i++) {
        struct yg_text bound = {0};

        put_number_of(&bound, option->type, shown[i]);
        snprintf(room[i], sizeof(room[i]), "%s", yg_text_string(&bound));
        yg_text_done(&bound);
    }
    snprintf(problem, 256, "%.100s is out of bounds: it must be %s to %s", text, room[1], room[2]);
    return -EINVAL;
}

/* A number with one of the units; 0 needs none. */
static int read_measure(const struct yg_option *option, const struct unit *units, size_t num,
                        const char *text, uint64_t *ret_number, char problem[256])
{
    const struct unit *unit;
    const char *rest;
    uint64_t number = 0;
    int rc;

    rest = read_digits(text, &number);
    if (rest == NULL)
        return refuse_kind(option, text, problem);
    unit = find_unit(units, num, rest);
    if (unit == NULL && number > 0 && *rest == '\0') {
        snprintf(problem, 256, "\"%.100s\" has no unit: write %s", text,
                 yg_type_text(option->type));
        return -EINVAL;
    }
    if (unit == NULL && *rest != '\0')
        return refuse_kind(option, text, problem);
    if (unit != NULL && number > UINT64_MAX / unit->factor)
        number = UINT64_MAX;
    else if (unit != NULL)
        number *= unit->factor;
    rc = check_bounds(option, text, number, problem);
    if (rc == 0)
        *ret_number = number;
    return rc;
}

static int read_count(const struct yg_option *option, const char *text, uint32_t *into,
                      char problem[256])
{
    uint64_t number = 0;
    const char *rest;
    int rc;

    if ((option->flags & YG_HAS_AUTO) != 0 && strcmp(text, "auto") == 0) {
        *into = 0;
        return 0;
    }
    rest = read_digits(text, &number);
    if (rest == NULL || *rest != '\0')
        return refuse_kind(option, text, problem);
    rc = check_bounds(option, text, number, problem);
    if (rc == 0)
        *into = (uint32_t)number;
    return rc;
}

static int read_rate(const struct yg_option *option, const char *text, struct yg_rate *into,
                     char problem[256])
{
    const struct unit *period = NULL;
    uint64_t number = 0;
    const char *rest;
    int rc;

    rest = read_digits(text, &number);
    if (rest != NULL && *rest == '/')
        period = find_unit(periods, NUM(periods), rest + 1);
    if (rest == NULL || (period == NULL && (*rest != '\0' || number != 0))) {
        if (rest != NULL && *rest == '\0')
            snprintf(problem, 256, "\"%.100s\" has no unit: write %s", text,
                     yg_type_text(option->type));
        else
            refuse_kind(option, text, problem);
        return -EINVAL;
    }
    rc = check_bounds(option, text, number, problem);
    if (rc < 0)
        return rc;
    into->count = (uint32_t)number;
    into->per_ms = number > 0 ? (uint32_t)period->factor : 0;
    return 0;
}

/* The place of a word among the option's; -1 for another. */
static int find_word(const struct yg_option *option, const char *text)
{
    const char *word;
    size_t len = 0;

    for (unsigned i = 0; (word = yg_option_word(option, i, &len)) != NULL; i++) {
        if (strlen(text) == len && memcmp(word, text, len) == 0)
            return (int)i;
    }
    return -1;
}

static int refuse_word(const struct yg_option *option, const char *text, char problem[256])
{
    struct yg_text words = {0};
    const char *word;
    size_t len = 0;

    for (unsigned i = 0; (word = yg_option_word(option, i, &len)) != NULL; i++) {
        if (i > 0)
            yg_text_puts(&words, ", ");
        yg_text_add(&words, word, len);
    }
    snprintf(problem, 256, "\"%.60s\" is none of %s", text, yg_text_string(&words));
    yg_text_done(&words);
    return -EINVAL;
}

static int read_mode(const struct yg_option *option, const char *text, uint32_t *into,
                     char problem[256])
{
    const size_t len = strspn(text, "01234567");
    unsigned long mode;

    if (*text == '\0') {
        *into = 0;
        return 0;
    }
    mode = strtoul(text, NULL, 8);
    if (text[len] != '\0' || len < 3 || len > 4 || mode > option->max)
        return refuse_kind(option, text, problem);
    *into = (uint32_t)mode;
    return 0;
}

static int read_text(const struct yg_option *option, const char *text, const char **into,
                     char problem[256])
{
    const size_t len = strlen(text);

    if (len > option->max) {
        snprintf(problem, 256, "longer than %" PRIu64 " bytes", option->max);
        return -EINVAL;
    }
    if (len == 0 && (option->flags & YG_NEEDED) != 0) {
        snprintf(problem, 256, "must not be empty");
        return -EINVAL;
    }
    if (!yg_text_is_utf8(text, len)) {
        snprintf(problem, 256, "is not UTF-8");
        return -EINVAL;
    }
    *into = text;
    return 0;
}

int yg_value_read(const struct yg_option *option, const char *text, void *into, char problem[256])
{
    uint64_t number = 0;
    int rc;

    switch (option->type) {
    case YG_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return refuse_kind(option, text, problem);
        *(bool *)into = text[0] == 't';
        return 0;
    case YG_COUNT:
        return read_count(option, text, into, problem);
    case YG_SIZE:
        rc = read_measure(option, sizes, NUM(sizes), text, &number, problem);
        if (rc == 0)
            *(size_t *)into = (size_t)number;
        return rc;
    case YG_DURATION:
        rc = read_measure(option, durations, NUM(durations), text, &number, problem);
        if (rc == 0)
            *(uint32_t *)into = (uint32_t)number;
        return rc;
    case YG_RATE:
        return read_rate(option, text, into, problem);
    case YG_WORD:
        rc = find_word(option, text);
        if (rc < 0)
            return refuse_word(option, text, problem);
        *(int *)into = rc;
        return 0;
    case YG_MODE:
        return read_mode(option, text, into, problem);
    case YG_TEXT:
        return read_text(option, text, into, problem);
    default:
        return refuse_kind(option, text, problem);
    }
}

int yg_value_read_word(const struct yg_option *option, const char *text, uint32_t *bits,
                       char problem[256])
{
    const int n = find_word(option, text);

    if (n < 0)
        return refuse_word(option, text, problem);
    if ((*bits >> n & 1) != 0) {
        snprintf(problem, 256, "\"%s\" stands here twice", text);
        return -EINVAL;
    }
    *bits |= (uint32_t)1 << n;
    return 0;
}

static void put_rate(struct yg_text *text, const struct yg_rate *rate)
{
    yg_text_printf(text, "%" PRIu32, rate->count);
    for (size_t i = 0; i < NUM(periods) && rate->count > 0; i++) {
        if (periods[i].factor == rate->per_ms)
            yg_text_printf(text, "/%s", periods[i].name);
    }
}

static void put_count(struct yg_text *text, const struct yg_option *option, uint32_t number)
{
    if (number == 0 && (option->flags & YG_HAS_AUTO) != 0)
        yg_text_puts(text, "auto");
    else
        yg_text_printf(text, "%" PRIu32, number);
}

static void put_text(struct yg_text *text, const struct yg_option *option, const char *value,
                     bool bare)
{
    if (*value != '\0' && (option->flags & YG_SECRET) != 0 && !bare)
        yg_text_puts(text, "\"****\"");
    else
        yg_text_put_json(text, value, strlen(value));
}

void yg_value_put(struct yg_text *text, const struct yg_option *option, const void *from, bool bare)
{
    const char *word;
    size_t len = 0;

    switch (option->type) {
    case YG_BOOL:
        yg_text_puts(text, *(const bool *)from ? "true" : "false");
        break;
    case YG_COUNT:
        put_count(text, option, *(const uint32_t *)from);
        break;
    case YG_SIZE:
        put_number_of(text, YG_SIZE, *(const size_t *)from);
        break;
    case YG_DURATION:
        put_number_of(text, YG_DURATION, *(const uint32_t *)from);
        break;
    case YG_RATE:
        put_rate(text, from);
        break;
    case YG_WORD:
        word = yg_option_word(option, (unsigned)*(const int *)from, &len);
        yg_text_add(text, word, len);
        break;
    case YG_MODE:
        if (*(const uint32_t *)from == 0)
            yg_text_puts(text, "\"\"");
        else
            yg_text_printf(text, "0%" PRIo32, *(const uint32_t *)from);
        break;
    case YG_TEXT:
        put_text(text, option, *(const char *const *)from, bare);
        break;
    default:
        break;
    }
}

/* All such structs have a pointer, then a number; what the pointer is to does not matter. */
struct generic {
    const void *items;
    size_t num;
};

const void *yg_value_items(const void *field, size_t *ret_num)
{
    struct generic list;

    memcpy(&list, field, sizeof(list));
    *ret_num = list.num;
    return list.items;
}

void yg_value_set_items(void *field, const void *items, size_t num)
{
    const struct generic list = {items, num};

    memcpy(field, &list, sizeof(list));
}

static bool tables_equal(const struct yg_table *table, const char *a, const char *b)
{
    for (size_t i = 0; i < table->num; i++) {
        const struct yg_option *option = &table->options[i];

        if (!yg_value_equal(option, a + option->offset, b + option->offset))
            return false;
    }
    return true;
}

static bool items_equal(const struct yg_option *option, const char *a, const char *b)
{
    if (option->type == YG_MAPS)
        return tables_equal(option->table, a, b);
    if (option->type == YG_PAIRS) {
        const struct yg_pair *left = (const void *)a, *right = (const void *)b;

        return strcmp(left->name, right->name) == 0 && strcmp(left->value, right->value) == 0;
    }
    return strcmp(*(const char *const *)(const void *)a, *(const char *const *)(const void *)b) ==
           0;
}

static bool lists_equal(const struct yg_option *option, const void *a, const void *b)
{
    const size_t size = option->type == YG_MAPS    ? option->table->size
                        : option->type == YG_PAIRS ? sizeof(struct yg_pair)
                                                   : sizeof(const char *);
    size_t num, other;
    const char *left = yg_value_items(a, &num), *right = yg_value_items(b, &other);

    if (num != other)
        return false;
    for (size_t i = 0; i < num; i++) {
        if (!items_equal(option, left + i * size, right + i * size))
            return false;
    }
    return true;
}

bool yg_value_equal(const struct yg_option *option, const void *a, const void *b)
{
    const struct yg_rate *left = a, *right = b;

    switch (option->type) {
    case YG_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case YG_SIZE:
        return *(const size_t *)a == *(const size_t *)b;
    case YG_WORD:
        return *(const int *)a == *(const int *)b;
    case YG_RATE:
        return left->count == right->count && left->per_ms == right->per_ms;
    case YG_TEXT:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case YG_TEXTS:
    case YG_PAIRS:
    case YG_MAPS:
        return lists_equal(option, a, b);
    case YG_MAP:
        return tables_equal(option->table, a, b);
    default:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    }
}
