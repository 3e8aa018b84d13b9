/* SPDX-License-Identifier: MIT */
#include "sio/early.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

static const char *put(char **room, const void *data, size_t len)
{
    char *copy = *room;

    if (len > 0)
        memcpy(copy, data, len);
    *room += len;
    return copy;
}

/* A view of data, moved along with it. */
static yodel_str moved(yodel_str view, yodel_str from, const char *to)
{
    if (view.ptr == NULL)
        return view;
    return (yodel_str){to + (view.ptr - from.ptr), view.len};
}

static void fill(struct yd_sio_early_packet *copy, const struct yd_sio_packet *packet,
                 const yodel_bytes *attachments)
{
    char *room = copy->room;
    const char *data = put(&room, packet->data.ptr, packet->data.len);

    copy->packet = *packet;
    copy->packet.data = moved(packet->data, packet->data, data);
    copy->packet.name = moved(packet->name, packet->data, data);
    copy->packet.args = moved(packet->args, packet->data, data);
    copy->packet.nsp = (yodel_str){NULL, 0};
    for (uint32_t i = 0; i < packet->num_attachments; i++) {
        copy->attachments[i].len = attachments[i].len;
        copy->attachments[i].ptr =
            (const uint8_t *)put(&room, attachments[i].ptr, attachments[i].len);
    }
}

static size_t size_of(const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    size_t size = sizeof(struct yd_sio_early_packet) + packet->data.len;

    for (uint32_t i = 0; i < packet->num_attachments; i++)
        size += attachments[i].len;
    return size;
}

struct yd_sio_early_packet *yd_sio_early_copy(const struct yodel_allocator *mem,
                                              const struct yd_sio_packet *packet,
                                              const yodel_bytes *attachments)
{
    size_t size = size_of(packet, attachments);
    struct yd_sio_early_packet *copy = yd_zalloc(mem, size);

    if (copy == NULL)
        return NULL;
    copy->size = size;
    fill(copy, packet, attachments);
    return copy;
}

static struct yd_sio_early *get_list(struct yd_sio_early **early, const struct yodel_allocator *mem)
{
    if (*early == NULL && (*early = yd_zalloc(mem, sizeof **early)) != NULL)
        (*early)->last = &(*early)->first;
    return *early;
}

int yd_sio_early_keep(struct yd_sio_early **early, const struct yodel_allocator *mem, size_t max,
                      const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    struct yd_sio_early *list = get_list(early, mem);
    struct yd_sio_early_packet *copy;

    if (list == NULL)
        return -ENOMEM;
    if (list->bytes + size_of(packet, attachments) > max)
        return YODEL_ERR_TOO_BIG;
    if ((copy = yd_sio_early_copy(mem, packet, attachments)) == NULL)
        return -ENOMEM;
    list->bytes += copy->size;
    *list->last = copy;
    list->last = &copy->next;
    return 0;
}

struct yd_sio_early_packet *yd_sio_early_take(struct yd_sio_early *early)
{
    struct yd_sio_early_packet *taken = early != NULL ? early->first : NULL;

    if (taken == NULL)
        return NULL;
    if ((early->first = taken->next) == NULL)
        early->last = &early->first;
    early->bytes -= taken->size;
    return taken;
}

void yd_sio_early_free(struct yd_sio_early **early, const struct yodel_allocator *mem)
{
    struct yd_sio_early_packet *packet;

    while ((packet = yd_sio_early_take(*early)) != NULL)
        yd_free(mem, packet);
    yd_free(mem, *early);
    *early = NULL;
}
