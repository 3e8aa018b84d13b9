/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_OUTBOX_H
#define YD_HISTORY_REDIS_KEPT_OUTBOX_H

#include "history_redis/kept.h"

/*
 * Messages on their way into streams.  Of each group one command is under way at a time, with all
 * that has come meanwhile in the next one, so their order is kept whatever becomes of a connection.
 * One whose reply was lost is sent again, and what is in the stream already is not added twice.
 *
 * A message stays here until Redis has taken it and it has come to the members.  One that has not
 * come for patience_ms is given to the members in this process, and so is each one after it at once
 * (away), until Redis takes messages again and what is published comes.
 */

/* As of struct yd_history_store_ops. */
int yd_kept_append(struct yd_kept *kept, const yodel_history_options *options, yodel_str name,
                   struct yd_msg *msg, const struct yd_history_told *told);
/* Sends what waits, and sees what has waited too long. */
void yd_kept_send(struct yd_kept *kept);
/* The last there is to do: everything is sent, and nobody asks what becomes of it. */
void yd_kept_send_last(struct yd_kept *kept);
/* After that: nobody knows of what is under way whether Redis takes it. */
void yd_kept_tell_last(struct yd_kept *kept);
/* What is left; no reply is to come any more. */
void yd_kept_free_boxes(struct yd_kept *kept);

#endif
