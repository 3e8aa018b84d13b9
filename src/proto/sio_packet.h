/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_SIO_PACKET_H
#define YD_PROTO_SIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/buf.h"
#include "proto/json_scan.h"

/*
 * Packets of Socket.IO, protocol revision 5, as a server reads and writes them:
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
 *
 * which is the text of an Engine.IO message; the attachments follow as binary messages.  See
 * sio_msgpack.h for the other form.
 */

enum yd_sio_type {
    YD_SIO_CONNECT = 0,
    YD_SIO_DISCONNECT,
    YD_SIO_EVENT,
    YD_SIO_ACK,
    YD_SIO_CONNECT_ERROR,
    YD_SIO_BINARY_EVENT, /* an event or ack with attachments */
    YD_SIO_BINARY_ACK
};

#define YD_SIO_MAX_ID ((UINT64_C(1) << 53) - 1) /* what JavaScript can say */
#define YD_SIO_MAX_ATTACHMENTS 10               /* what its newest clients take */

struct yd_sio_limits {
    unsigned max_depth;       /* of the JSON: 1..YD_JSON_MAX_DEPTH */
    unsigned max_attachments; /* of a packet */
};

#define YD_SIO_LIMITS ((struct yd_sio_limits){YD_JSON_DEPTH, YD_SIO_MAX_ATTACHMENTS})

/* A packet that was received.  Its views point into what was decoded. */
struct yd_sio_packet {
    uint8_t type;         /* enum yd_sio_type */
    bool has_id;          /* an acknowledgement is wanted, or this is one */
    bool name_is_escaped; /* name must go through yd_json_unescape() before it is compared */
    bool name_is_number;  /* name is the number's text: [1,"x"] is the event "1" */
    uint32_t num_attachments;
    uint32_t num_placeholders; /* objects in data that stand for an attachment */
    uint64_t id;
    yodel_str nsp;  /* "/" when none is named; else up to the comma, a '?' and all */
    yodel_str data; /* the JSON without blanks around it; {NULL, 0} when there is none */
    yodel_str name; /* events with data: the first element, without quotes */
    yodel_str args; /* events and acks: the elements after the name, as text, commas between */
};

/*
 * Decodes the text of a packet from a client: valid UTF-8, which is not checked here.
 *
 * Returns 0, or YODEL_ERR_PROTOCOL with static text in *ret_error, *ret_packet then untouched.
 * Refused are: an unknown type digit, CONNECT_ERROR; attachments that are no number from 1 to
 * max_attachments; an id above YD_SIO_MAX_ID; JSON that is none or too deep; data of CONNECT that
 * is no object, of DISCONNECT, of an event that is no array beginning with a number or a string
 * that is no reserved name, of an ack that is no array; placeholders that
 * yd_sio_placeholders_next() refuses.  An event or ack without any data is legal and has neither
 * name nor args.
 */
int yd_sio_decode(yodel_str text, const struct yd_sio_limits *limits,
                  struct yd_sio_packet *ret_packet, const char **ret_error);

/* Finishes a packet that has type, num_attachments and data (checked, {NULL, 0} for none): checks
 * data against the type, sets name, args and num_placeholders.  For decoders; errors as above. */
int yd_sio_check_data(struct yd_sio_packet *packet, const char **ret_error);

/* True for names that no event may have: connect, connect_error, disconnect, disconnecting,
 * newListener, removeListener.  body: of a JSON string. */
bool yd_sio_is_reserved(yodel_str body);

/* Placeholders: objects with "_placeholder":true in data of packets with attachments. */

struct yd_sio_placeholder {
    yodel_str text; /* the object, in the JSON walked */
    uint32_t num;   /* which attachment, from 0 */
};

struct yd_sio_placeholders {
    struct yd_json_iter rest;
    uint32_t num_attachments;
    unsigned depth;   /* objects and arrays open */
    const char *last; /* where the last placeholder found begins */
    struct yd_sio_open_value {
        const char *begin;
        uint32_t num;
        uint8_t seen; /* what of a placeholder: see sio_placeholder.c */
    } open[YD_JSON_MAX_DEPTH];
};

/* json: any value that was checked, or elements with commas between them, such as args. */
void yd_sio_placeholders_init(struct yd_sio_placeholders *iter, yodel_str json,
                              uint32_t num_attachments);

/*
 * Takes the next one, in the order of the text; further members do not matter, the last of a name
 * does.  One attachment may be named by several, or by none.
 *
 * Returns 1 with *ret_placeholder set, 0 at the end, or YODEL_ERR_PROTOCOL: "num" is missing or no
 * whole number below num_attachments, or a placeholder stands inside another.  Packets that were
 * decoded with attachments have been through this: no error then.
 */
int yd_sio_placeholders_next(struct yd_sio_placeholders *iter,
                             struct yd_sio_placeholder *ret_placeholder);

/* Counts them all: YODEL_ERR_PROTOCOL as above.  What is to be sent with attachments must pass, or
 * the clients that receive it give up their connections. */
int yd_sio_placeholders_count(yodel_str json, uint32_t num_attachments);

/* Sending. */

/*
 * A packet to be sent.  Zero and type is a packet without anything else.
 *
 * Its JSON is data, or when that is empty, for events and acks, an array of those of event, args
 * and offset that are there.
 */
struct yd_sio_output {
    uint8_t type; /* EVENT and ACK become BINARY_EVENT and BINARY_ACK with attachments */
    bool has_id;
    uint32_t num_attachments;
    uint64_t id;      /* at most YD_SIO_MAX_ID */
    yodel_str nsp;    /* empty is "/" */
    yodel_str data;   /* JSON; empty is none */
    yodel_str event;  /* an event's name, plain text: it is quoted here; ptr NULL: args has it */
    yodel_str args;   /* JSON values with commas between them */
    yodel_str offset; /* connection state recovery: the last element, a string without escapes */
};

/* Bytes that yd_sio_encode() writes. */
size_t yd_sio_encoded_len(const struct yd_sio_output *output);

/* Writes the packet's text, without a NUL and without the `4` of the Engine.IO message; returns its
 * end. */
char *yd_sio_encode(char *out, const struct yd_sio_output *output);

/* Appends it.  Returns 0 or -ENOMEM, buf then untouched. */
int yd_sio_put(const struct yodel_allocator *mem, struct yd_buf *buf,
               const struct yd_sio_output *output);

/* Data of the answers to CONNECT, appended as JSON; to be sent as output.data.
 * {"sid":...,"pid":...}: neither needs escapes; pid empty: no recovery. */
int yd_sio_put_connect_data(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str sid,
                            yodel_str pid);
/* {"message":...,"data":...}: message is plain text, data JSON or empty. */
int yd_sio_put_error_data(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str message,
                          yodel_str data);

#endif
