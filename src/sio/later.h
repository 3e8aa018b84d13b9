/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_LATER_H
#define YD_SIO_LATER_H

#include "decision/decision.h"

/* Decisions with a time limit of their own, on what is not a request.  On the loop of the subject.
 */

/* ops->detached is yd_sio_later_detached.  late(subject): limit_ms have passed (UINT32_MAX: never);
 * the subject ends the decision.  NULL when out of memory. */
yodel_decision *yd_sio_later_new(struct yd_loop *loop, const struct yd_decision_ops *ops,
                                 void *subject, uint32_t limit_ms, void (*late)(void *subject));
void yd_sio_later_detached(yodel_decision *d);
/* ops->check: accept takes no options here. */
int yd_sio_check_verdict(const struct yd_verdict *verdict);

#endif
