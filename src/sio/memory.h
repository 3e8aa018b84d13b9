/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_MEMORY_H
#define YD_SIO_MEMORY_H

#include "base/map.h"
#include "base/wheel.h"
#include "sio/packet_log.h"
#include "sio/sio_ids.h"

/* What a socket has so that its client can come back to it; on the socket's loop. */

struct yd_sio_memory {
    struct yd_map_bare by_pid; /* key: pid */
    struct yd_map *map;        /* by pid */
    struct yd_timer expiry;    /* runs while the socket is AWAY */
    void *owner;               /* the socket */
    void *restore;             /* that it waits for (restore.h); NULL: none */
    struct yd_sio_log log;
    char resume[YD_SIO_OFFSET_MAX + 1]; /* what comes after is sent again; "": all */
    char pid[YD_ID_LEN];                /* the secret that its client comes back with */
};

/* Found in map by pid; log_bytes: of what is remembered.  NULL when out of memory. */
struct yd_sio_memory *yd_sio_memory_new(const struct yodel_allocator *mem, struct yd_map *map,
                                        const char pid[YD_ID_LEN], size_t log_bytes);
/* Takes NULL. */
void yd_sio_memory_free(struct yd_sio_memory *memory, struct yd_wheel *wheel);

/* NULL: none. */
struct yd_sio_memory *yd_sio_memory_find(const struct yd_map *map, yodel_str pid);

#endif
