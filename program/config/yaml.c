/* SPDX-License-Identifier: MIT */
/* libyaml's events make the tree of nodes. */
#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "config/node.h"

struct reader {
    yaml_parser_t parser;
    struct yg_arena *arena;
    struct yg_report *report;
    const char *text; /* what is read, */
    size_t len;
    const struct yg_place *from;         /* and where that stands */
    struct yg_node *open[YG_NODE_DEPTH]; /* lists and maps, outermost first */
    const char *keys[YG_NODE_DEPTH];     /* of maps: what has no value yet; NULL: none */
    struct yg_place key_places[YG_NODE_DEPTH];
    unsigned depth;
    size_t total;
    struct yg_node *document;
};

static struct yg_place place_of(const struct reader *reader, const yaml_mark_t *mark)
{
    struct yg_place place = *reader->from;

    if (place.line > 0) {
        place.line = (unsigned)mark->line + 1;
        place.column = (unsigned)mark->column + 1;
    }
    return place;
}

static int refuse(struct reader *reader, const yaml_mark_t *mark, const char *text)
{
    const struct yg_place place = place_of(reader, mark);

    yg_report_error(reader->report, &place, "%s", text);
    return -EINVAL;
}

/* Where a byte is that cannot be read: libyaml knows no line for it. */
static struct yg_place place_of_byte(const struct reader *reader, size_t offset)
{
    yaml_mark_t mark = {0};

    for (size_t i = 0; i < offset && i < reader->len; i++) {
        if (reader->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)reader->text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return place_of(reader, &mark);
}

/* What libyaml says of a text that is no YAML. */
static int refuse_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *context = parser->context;
    const struct yg_place place = parser->error == YAML_READER_ERROR
                                      ? place_of_byte(reader, parser->problem_offset)
                                      : place_of(reader, &parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    yg_report_error(reader->report, &place, "%s%s%s",
                    parser->problem != NULL ? parser->problem : "not YAML",
                    context != NULL ? ", " : "", context != NULL ? context : "");
    return -EINVAL;
}

static int take_key(struct reader *reader, const yaml_event_t *event)
{
    const struct yg_place place = place_of(reader, &event->start_mark);
    struct yg_node *map = reader->open[reader->depth - 1];
    const struct yg_node *other;
    char *key;

    key = yg_arena_copy(reader->arena, (const char *)event->data.scalar.value,
                        event->data.scalar.length);
    if (key == NULL)
        return -ENOMEM;
    other = yg_node_get(map, key);
    if (other != NULL && other->key_place.line > 0)
        yg_report_lax(reader->report, &place, "repeated key \"%s\" (first at %u:%u)", key,
                      other->key_place.line, other->key_place.column);
    else if (other != NULL)
        yg_report_lax(reader->report, &place, "repeated key \"%s\"", key);
    reader->keys[reader->depth - 1] = key;
    reader->key_places[reader->depth - 1] = place;
    return 0;
}

/* A value goes to where it belongs. */
static int put(struct reader *reader, struct yg_node *node, const yaml_mark_t *mark)
{
    struct yg_node *parent = reader->depth > 0 ? reader->open[reader->depth - 1] : NULL;

    if (parent == NULL) {
        reader->document = node;
        return 0;
    }
    if (parent->num >= YG_NODE_ITEMS || ++reader->total > YG_NODE_TOTAL)
        return refuse(reader, mark, "too many items");
    if (parent->kind == YG_NODE_MAP) {
        node->key = reader->keys[reader->depth - 1];
        node->key_place = reader->key_places[reader->depth - 1];
        reader->keys[reader->depth - 1] = NULL;
        yg_node_remove(parent, node->key);
    }
    yg_node_append(parent, node);
    return 0;
}

static int is_at_key(const struct reader *reader)
{
    return reader->depth > 0 && reader->open[reader->depth - 1]->kind == YG_NODE_MAP &&
           reader->keys[reader->depth - 1] == NULL;
}

static int take_scalar(struct reader *reader, const yaml_event_t *event)
{
    const struct yg_place place = place_of(reader, &event->start_mark);
    struct yg_node *node;

    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
        return refuse(reader, &event->start_mark, "anchors and tags are not taken here");
    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length) != NULL)
        return refuse(reader, &event->start_mark, "a text cannot have a NUL byte");
    if (is_at_key(reader))
        return take_key(reader, event);
    node = yg_node_new(reader->arena, YG_NODE_SCALAR, &place);
    if (node == NULL)
        return -ENOMEM;
    node->text = yg_arena_copy(reader->arena, (const char *)event->data.scalar.value,
                               event->data.scalar.length);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return node->text != NULL ? put(reader, node, &event->start_mark) : -ENOMEM;
}

static int take_start(struct reader *reader, const yaml_event_t *event)
{
    const int is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag =
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const yaml_char_t *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const struct yg_place place = place_of(reader, &event->start_mark);
    struct yg_node *node;
    int rc;

    if (tag != NULL || anchor != NULL)
        return refuse(reader, &event->start_mark, "anchors and tags are not taken here");
    if (is_at_key(reader))
        return refuse(reader, &event->start_mark, "a key must be a plain word");
    if (reader->depth == YG_NODE_DEPTH)
        return refuse(reader, &event->start_mark, "too many levels");
    node = yg_node_new(reader->arena, is_map ? YG_NODE_MAP : YG_NODE_LIST, &place);
    if (node == NULL)
        return -ENOMEM;
    rc = put(reader, node, &event->start_mark);
    if (rc < 0)
        return rc;
    reader->keys[reader->depth] = NULL;
    reader->open[reader->depth++] = node;
    return 0;
}

static int take(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(reader, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return take_start(reader, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        reader->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse(reader, &event->start_mark, "aliases are not taken here");
    case YAML_DOCUMENT_START_EVENT:
        if (reader->document != NULL)
            return refuse(reader, &event->start_mark, "a second document");
        return 0;
    default:
        return 0;
    }
}

static int read_events(struct reader *reader)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    yaml_event_t event;
    int rc = 0;

    while (rc == 0 && type != YAML_STREAM_END_EVENT) {
        if (!yaml_parser_parse(&reader->parser, &event))
            return refuse_syntax(reader);
        type = event.type;
        rc = take(reader, &event);
        yaml_event_delete(&event);
    }
    return rc;
}

/* Some editors begin a file with it; to libyaml it is a column, where the encoding is said. */
static size_t byte_order_mark(const char *text, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t size = sizeof(mark) - 1;

    return len >= size && memcmp(text, mark, size) == 0 ? size : 0;
}

int yg_node_read(struct yg_arena *arena, struct yg_report *report, const char *text, size_t len,
                 const struct yg_place *from, struct yg_node **ret_node)
{
    const size_t skip = byte_order_mark(text, len);
    struct reader reader = {
        .arena = arena, .report = report, .text = text + skip, .len = len - skip, .from = from};
    const unsigned num_errors = report->num_errors;
    int rc;

    if (!yaml_parser_initialize(&reader.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.text, reader.len);
    rc = read_events(&reader);
    yaml_parser_delete(&reader.parser);
    if (rc < 0)
        return rc;
    if (report->failed)
        return -ENOMEM;
    if (report->num_errors > num_errors)
        return -EINVAL;
    if (reader.document == NULL) {
        reader.document = yg_node_new(arena, YG_NODE_MAP, from);
        if (reader.document == NULL)
            return -ENOMEM;
    }
    *ret_node = reader.document;
    return 0;
}
