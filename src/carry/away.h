/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_AWAY_H
#define YD_CARRY_AWAY_H

#include "carry/peers.h"

/* Requests that came here and whose sessions are away: carry() of struct yd_eio_far. */
void yd_away_carry(struct yd_eio_far *far, struct yd_eio *eio, yodel_request *req,
                   struct yd_eio_home there);

#endif
