/* SPDX-License-Identifier: MIT */
#ifndef YD_NODES_NODE_RECORD_H
#define YD_NODES_NODE_RECORD_H

#include "base/buf.h"
#include "bus/bus.h"

/* What a node says of itself, and the bytes that say it. */

#define YD_NODE_TAG_SIZE 5    /* 4 characters of base64url and a NUL */
#define YD_NODE_NAME_SIZE 128 /* with the NUL, as all of these */
#define YD_NODE_ADDRESS_SIZE 256

struct yd_node_info {
    char process[YD_PROCESS_SIZE];
    char tag[YD_NODE_TAG_SIZE]; /* empty: it has none yet */
    char name[YD_NODE_NAME_SIZE];
    char address[YD_NODE_ADDRESS_SIZE]; /* for other nodes; empty: none */
};

enum yd_node_news {
    YD_NODE_HELLO = 1, /* it has come: the others say ALIVE at once */
    YD_NODE_ALIVE,
    YD_NODE_LEAVES /* the last of it */
};

/* Whether text may be a name or an address of at most size - 1 bytes: UTF-8 without control
 * characters, not empty. */
bool yd_node_text_is_valid(yodel_str text, size_t size);
bool yd_node_process_is_valid(yodel_str process);
bool yd_node_tag_is_valid(yodel_str tag);

/* Appends: version 1, news 1, process, tag, name, address.  Returns 0 or -ENOMEM. */
int yd_node_record_encode(const struct yodel_allocator *mem, struct yd_buf *buf,
                          enum yd_node_news news, const struct yd_node_info *info);
/* What follows the address is of a later version, and left alone.  Returns 0 or
 * YODEL_ERR_PROTOCOL. */
int yd_node_record_decode(yodel_bytes bytes, enum yd_node_news *ret_news,
                          struct yd_node_info *ret_info);

#endif
