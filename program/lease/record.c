/* SPDX-License-Identifier: MIT */
#include "lease/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lease/notices.h"

/* Ids of other events have no dash. */
void yg_record_connected_id(const char *id, char ret_id[YG_RECORD_ID])
{
    snprintf(ret_id, YG_RECORD_ID, "%.*s-c", YG_RECORD_ID - 3, id);
}

void yg_record_put(const struct yg_lease_record *record, struct yg_text *text)
{
    yg_text_puts(text, "{\"webhook\":");
    yg_text_put_json(text, record->webhook, strlen(record->webhook));
    yg_text_puts(text, ",\"namespace\":");
    yg_text_put_json(text, record->ns, strlen(record->ns));
    yg_text_printf(text, ",\"since\":%" PRId64, record->since_ms);
    if (record->has_lane)
        yg_text_printf(text, ",\"lane\":%u", record->lane);
    if (record->is_connecting)
        yg_text_puts(text, ",\"connecting\":true");
    yg_text_puts(text, ",\"socket\":");
    yg_text_add(text, record->socket.ptr, record->socket.len);
    yg_text_putc(text, '}');
}

/* Returns where the number ends; 0: there is none. */
static size_t read_seq(yodel_str text, uint32_t *ret_seq)
{
    uint64_t seq = 0;
    size_t at = 0;

    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && seq <= UINT32_MAX)
        seq = seq * 10 + (uint64_t)(text.ptr[at++] - '0');
    if (at == 0 || at == text.len || text.ptr[at] != ' ' || seq > UINT32_MAX)
        return 0;
    *ret_seq = (uint32_t)seq;
    return at + 1;
}

/* What is no number of a lane stands for none. */
static void take_lane(struct yg_lease_record *record)
{
    const json_t *lane = json_object_get(record->document, "lane");
    const json_int_t number = json_integer_value(lane);

    record->has_lane = json_is_integer(lane) && number >= 0 && number < YG_NOTICE_LANES;
    record->lane = record->has_lane ? (unsigned)number : 0;
}

static int take(struct yg_lease_record *record)
{
    const json_t *socket = json_object_get(record->document, "socket");

    record->webhook = json_string_value(json_object_get(record->document, "webhook"));
    record->ns = json_string_value(json_object_get(record->document, "namespace"));
    record->since_ms = json_integer_value(json_object_get(record->document, "since"));
    record->is_connecting = json_is_true(json_object_get(record->document, "connecting"));
    if (record->webhook == NULL || record->ns == NULL || !json_is_object(socket))
        return -EINVAL;
    take_lane(record);
    yg_json_put(&record->of, socket, 0);
    record->socket = (yodel_str){record->of.ptr, record->of.len};
    return yg_text_failed(&record->of) ? -ENOMEM : 0;
}

int yg_record_read(const char *id, yodel_str text, struct yg_lease_record *ret_record)
{
    struct yg_lease_record record = {.id = id};
    const size_t at = read_seq(text, &record.seq);
    char error[160];
    int rc;

    if (at == 0)
        return -EINVAL;
    rc = yg_json_parse(text.ptr + at, text.len - at, error, &record.document);
    if (rc == 0)
        rc = take(&record);
    if (rc < 0) {
        yg_record_done(&record);
        return rc;
    }
    *ret_record = record;
    return 0;
}

void yg_record_done(struct yg_lease_record *record)
{
    json_decref(record->document);
    record->document = NULL;
    yg_text_done(&record->of);
}
