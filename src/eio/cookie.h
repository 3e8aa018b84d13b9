/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_COOKIE_H
#define YD_EIO_COOKIE_H

#include "eio/eio_service.h"

/* Makes the parts of the cookie header from options; NULL: no cookie.  Returns 0, -ENOMEM, -EINVAL,
 * YODEL_ERR_OPTIONS. */
int yd_eio_cookie_init(struct yd_eio *eio, const yodel_sio_cookie_options *options);

#endif
