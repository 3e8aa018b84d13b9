/* SPDX-License-Identifier: MIT */
#ifndef YP_WSGI_ANSWER_H
#define YP_WSGI_ANSWER_H

#include <stdbool.h>
#include <yodel/yodel.h>

/* The answer to a request, by a worker: whole, or in parts with back-pressure.  Counted.  Plain C;
 * functions that wait are called without the GIL. */
struct yp_answer;

/* d: the request's decision; taken.  NULL when out of memory: d is dropped. */
struct yp_answer *yp_answer_new(yodel_decision *d);
struct yp_answer *yp_answer_ref(struct yp_answer *answer);
/* The last one drops what was not answered. */
void yp_answer_unref(struct yp_answer *answer);

/* One of these two, once.  Returns 0, YODEL_ERR_CLOSED (the client has gone), -EINVAL (status, a
 * header), -ENOMEM. */
int yp_answer_whole(struct yp_answer *answer, const yodel_response *response);
/* Headers are copied.  length: UINT64_MAX: not known.  The head goes out at once. */
int yp_answer_begin(struct yp_answer *answer, const yodel_response *response, uint64_t length);

/* Waits while more than 64 KiB wait for the client.  Returns 0, YODEL_ERR_CLOSED (it has gone),
 * YODEL_ERR_TOO_BIG (more than length), -ENOMEM. */
int yp_answer_write(struct yp_answer *answer, yodel_bytes data);

/* All has been written; or it is cut off, so that the client knows. */
void yp_answer_end(struct yp_answer *answer, bool cut_off);

#endif
