/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "adapter/streams.h"
#include "bus/op_wire.h"

/* What is to be added to a stream, on the way to the client's loop: namespace, type 1, data to the
 * end. */

struct yd_xstream *yd_streams_of(struct yd_streams *streams, yodel_str nsp)
{
    int index = yd_cluster_stream_index(nsp, streams->num);

    return &streams->all[index >= 0 ? (unsigned)index : streams->num - 1 + (unsigned)-index];
}

int yd_streams_put_parcel(const struct yd_streams *streams, const struct yd_cluster_out *message,
                          struct yd_buf *buf)
{
    const struct yodel_allocator *mem = streams->mem;

    if (yd_wire_put_str(mem, buf, message->nsp) < 0 ||
        yd_wire_put_u8(mem, buf, (uint8_t)message->type) < 0)
        return -ENOMEM;
    return yd_cluster_put_entry_data(mem, buf, message);
}

int yd_streams_send_parcel(struct yd_streams *streams, yodel_bytes parcel)
{
    struct yd_wire_reader reader = {parcel, false};
    yodel_str nsp = yd_wire_get_str(&reader);

    return yd_xstream_post(streams, yd_streams_of(streams, nsp), NULL, parcel);
}
