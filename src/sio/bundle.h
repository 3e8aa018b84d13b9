/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_BUNDLE_H
#define YD_SIO_BUNDLE_H

#include <stdbool.h>
#include <yodel/http.h>

/* The client's files. */
struct yd_sio_bundle;

/* Reads the files of directory.  Returns 0, -ENOMEM, -errno. */
int yd_sio_bundle_new(const struct yodel_allocator *mem, const char *directory,
                      struct yd_sio_bundle **ret_bundle);
/* Takes NULL. */
void yd_sio_bundle_free(struct yd_sio_bundle *bundle);
/* On the request's loop: answers req when rest names one of the files, else returns false. */
bool yd_sio_bundle_serve(struct yd_sio_bundle *bundle, yodel_request *req, yodel_str rest);

#endif
