/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_EIO_ANSWER_H
#define YD_EIO_EIO_ANSWER_H

#include "eio/compress.h"

struct yd_eio_answer {
    int status;
    const char *content_type; /* may be NULL */
    yodel_bytes body;
    enum yd_eio_coding coding;
    yodel_str opens; /* the id of the session whose first answer this is; empty: none's */
    bool closes;     /* the connection, too */
};

/* Answers req, with the headers of the hooks.  Returns as yodel_request_respond(). */
int yd_eio_answer(struct yd_eio *eio, yodel_request *req, const struct yd_eio_answer *answer);

/* One without a body. */
void yd_eio_answer_empty(struct yd_eio *eio, yodel_request *req, int status);

/* A poll's: compressed if that may be and is worth it.  opens: as above. */
int yd_eio_answer_payload(struct yd_eio_loop *home, yodel_request *req, yodel_bytes payload,
                          bool may_compress, yodel_str opens);

#endif
