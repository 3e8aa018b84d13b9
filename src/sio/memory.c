/* SPDX-License-Identifier: MIT */
#include "sio/memory.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"

struct yd_sio_memory *yd_sio_memory_new(const struct yodel_allocator *mem, struct yd_map *map,
                                        const char pid[YD_ID_LEN], size_t log_bytes)
{
    struct yd_sio_memory *memory = yd_zalloc(mem, sizeof *memory);

    if (memory == NULL)
        return NULL;
    memcpy(memory->pid, pid, YD_ID_LEN);
    memory->map = map;
    yd_sio_log_init(&memory->log, mem, log_bytes);
    yd_timer_init(&memory->expiry, NULL);
    if (yd_map_insert(map, yd_map_bare(&memory->by_pid)) < 0) {
        yd_free(mem, memory);
        return NULL;
    }
    return memory;
}

void yd_sio_memory_free(struct yd_sio_memory *memory, struct yd_wheel *wheel)
{
    if (memory == NULL)
        return;
    yd_map_remove(memory->map, yd_map_bare(&memory->by_pid));
    yd_timer_stop(wheel, &memory->expiry);
    yd_sio_log_done(&memory->log);
    yd_free(memory->log.mem, memory);
}

struct yd_sio_memory *yd_sio_memory_find(const struct yd_map *map, yodel_str pid)
{
    struct yd_map_node *node = yd_map_find(map, pid);

    return node != NULL ? yd_container_of(node, struct yd_sio_memory, by_pid) : NULL;
}
