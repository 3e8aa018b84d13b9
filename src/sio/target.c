/* SPDX-License-Identifier: MIT */
#include "sio/target.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "sio/socket.h"

/* ---- making them ---- */

static void fail(yodel_sio_target *target, uint8_t how)
{
    if (target->wrong == 0)
        target->wrong = how;
}

#define TOO_MANY 1
#define INVALID 2

static yodel_sio_target add(yodel_sio_target target, enum yd_sio_term kind, const void *term)
{
    if (target.num_terms >= YODEL_SIO_MAX_TERMS) {
        fail(&target, TOO_MANY);
        return target;
    }
    target.kinds[target.num_terms] = (uint8_t)kind;
    target.terms[target.num_terms++].ptr = term;
    return target;
}

yodel_sio_target yodel_sio_to(yodel_sio_socket *socket)
{
    return (yodel_sio_target){.ns = socket != NULL ? socket->ns : NULL,
                              .num_terms = 1,
                              .kinds = {YD_SIO_TO_SOCKET},
                              .terms = {{socket}}};
}

yodel_sio_target yodel_sio_to_all(yodel_sio_namespace *ns)
{
    return (yodel_sio_target){.ns = ns, .everyone = 1};
}

yodel_sio_target yodel_sio_to_others(yodel_sio_socket *socket)
{
    return yodel_sio_target_but(yodel_sio_to_all(socket != NULL ? socket->ns : NULL), socket);
}

yodel_sio_target yodel_sio_to_room(yodel_sio_namespace *ns, const char *room)
{
    yodel_sio_target target = {.ns = ns};

    return room != NULL ? add(target, YD_SIO_TO_ROOM, room) : target;
}

yodel_sio_target yodel_sio_to_rooms(yodel_sio_namespace *ns, const char *const *rooms)
{
    yodel_sio_target target = {.ns = ns};

    return rooms != NULL ? add(target, YD_SIO_TO_ROOMS, rooms) : target;
}

yodel_sio_target yodel_sio_target_and(yodel_sio_target a, yodel_sio_target b)
{
    if (a.ns != b.ns)
        fail(&a, INVALID);
    fail(&a, b.wrong);
    a.everyone |= b.everyone;
    a.flags |= b.flags;
    if (a.timeout_ms == 0)
        a.timeout_ms = b.timeout_ms;
    if (a.num_terms + b.num_terms > YODEL_SIO_MAX_TERMS) {
        fail(&a, TOO_MANY);
        return a;
    }
    memcpy(a.kinds + a.num_terms, b.kinds, b.num_terms);
    memcpy(a.terms + a.num_terms, b.terms, b.num_terms * sizeof b.terms[0]);
    a.num_terms = (uint8_t)(a.num_terms + b.num_terms);
    a.reserved_byte |= b.reserved_byte;
    a.reserved[0] |= b.reserved[0];
    a.reserved[1] |= b.reserved[1];
    return a;
}

yodel_sio_target yodel_sio_target_but(yodel_sio_target target, yodel_sio_socket *socket)
{
    if (socket == NULL) {
        fail(&target, INVALID);
        return target;
    }
    for (size_t at = 0; at < YD_ID_LEN; at += sizeof target.terms[0].id) {
        uint8_t part[sizeof target.terms[0].id] = {0};
        unsigned i = target.num_terms;

        memcpy(part, socket->id + at, YD_MIN(sizeof part, YD_ID_LEN - at));
        target = add(target, at == 0 ? YD_SIO_BUT_ID : YD_SIO_BUT_MORE, NULL);
        if (target.num_terms > i)
            memcpy(target.terms[i].id, part, sizeof part);
    }
    return target;
}

yodel_sio_target yodel_sio_target_except(yodel_sio_target target, const char *const *rooms)
{
    return rooms != NULL ? add(target, YD_SIO_BUT_ROOMS, rooms) : target;
}

yodel_sio_target yodel_sio_target_with(yodel_sio_target target, unsigned flags)
{
    target.flags |= flags;
    return target;
}

yodel_sio_target yodel_sio_target_timeout(yodel_sio_target target, uint32_t ms)
{
    target.timeout_ms = ms;
    return target;
}

/* ---- reading them ---- */

static bool are_terms(const yodel_sio_target *target)
{
    for (unsigned i = 0; i < target->num_terms; i++) {
        if (target->kinds[i] < YD_SIO_TO_SOCKET || target->kinds[i] > YD_SIO_BUT_MORE ||
            (target->kinds[i] < YD_SIO_BUT_ID && target->terms[i].ptr == NULL))
            return false;
        if (target->kinds[i] == YD_SIO_BUT_ID && i + 3 > target->num_terms)
            return false;
    }
    return true;
}

int yd_sio_target_check(const yodel_sio_target *target)
{
    uint64_t reserved = target->reserved[0] | target->reserved[1] | target->reserved_byte;

    if (target->wrong == TOO_MANY)
        return YODEL_ERR_TOO_BIG;
    if (target->wrong != 0 || reserved != 0 || target->ns == NULL ||
        target->num_terms > YODEL_SIO_MAX_TERMS || !are_terms(target))
        return -EINVAL;
    return 0;
}

yodel_sio_socket *yd_sio_target_socket(const yodel_sio_target *target)
{
    const void *socket = NULL;

    if (target->everyone)
        return NULL;
    for (unsigned i = 0; i < target->num_terms; i++) {
        if (target->kinds[i] >= YD_SIO_BUT_ROOMS)
            continue;
        if (target->kinds[i] != YD_SIO_TO_SOCKET || socket != NULL)
            return NULL;
        socket = target->terms[i].ptr;
    }
    return (yodel_sio_socket *)socket;
}

yodel_str yd_sio_target_id(const yodel_sio_target *target, unsigned term)
{
    return (yodel_str){(const char *)target->terms[term].id, YD_ID_LEN};
}

bool yd_sio_target_is_here(const yodel_sio_target *target)
{
    bool is_here = false;

    if (target->everyone)
        return false;
    for (unsigned i = 0; i < target->num_terms; i++) {
        if (target->kinds[i] == YD_SIO_TO_ROOM || target->kinds[i] == YD_SIO_TO_ROOMS)
            return false;
        is_here = is_here || target->kinds[i] == YD_SIO_TO_SOCKET;
    }
    return is_here;
}
