/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_SEND_H
#define YD_CHANNELS_REDIS_ASGI_SEND_H

#include "channels_redis/asgi.h"

/* What goes out. */

/* Puts an item into the queue; pairs are copied, as yd_asgi_put() takes them.  Any thread.  Returns
 * 0, -ENOMEM, YODEL_ERR_CONGESTED (max_queue), YODEL_ERR_CLOSED. */
int yd_asgi_send(struct yd_asgi *asgi, bool to_group, yodel_str name, yodel_bytes pairs,
                 uint32_t num_pairs);

/* ---- on the loop ---- */

void yd_asgi_free_item(struct yd_asgi_item *item);

/* Appends item as a message for channels: encrypted if need be.  Returns 0 or -ENOMEM. */
int yd_asgi_make_message(struct yd_asgi *asgi, struct yd_buf *buf, const struct yd_asgi_item *item,
                         const struct yd_asgi_channels *channels);

/* Redis refused something, or has not done it; says so, now and then. */
void yd_asgi_failed(const struct yd_asgi_host *host, const struct yd_redis_reply *reply);

/* A later time than any before. */
uint64_t yd_asgi_next_us(struct yd_asgi *asgi);

/* Memberships that last lease_s: the score of one that is written now. */
double yd_asgi_lease_score(const struct yd_asgi *asgi, uint64_t now_us);

/* The forms: takes item. */
void yd_core_send(struct yd_asgi *asgi, struct yd_asgi_item *item);
void yd_pubsub_send(struct yd_asgi *asgi, struct yd_asgi_item *item);

/* Tell Redis that a group has members here, or none; false: it could not be told. */
bool yd_core_join(struct yd_asgi_group *group, bool join);
bool yd_pubsub_join(struct yd_asgi_group *group, bool join);

/* Begin to receive, and end. */
int yd_core_start(struct yd_asgi *asgi);
void yd_core_stop(struct yd_asgi *asgi);
int yd_pubsub_start(struct yd_asgi *asgi);
void yd_pubsub_stop(struct yd_asgi *asgi);
/* Messages of ours that have not come back for long. */
void yd_pubsub_forget_echoes(struct yd_asgi *asgi);

#endif
