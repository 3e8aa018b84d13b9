/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_FILE_H
#define YG_BASE_FILE_H

#include "base/text.h"

/* Files that are read whole, and secrets in files.  These calls block. */

#define YG_FILE_MAX ((size_t)1 << 20) /* of a configuration */
#define YG_SECRET_MAX ((size_t)64 << 10)

/*
 * Reads a file.
 *
 * path   of a regular file, or of a pipe that ends
 * max    bytes; a larger file is refused
 * into   the content is added to it; untouched on failure, but for -ENOMEM
 *
 * Returns 0; -errno of open() or read(); -EISDIR, -EFBIG, -ENOMEM.
 */
int yg_file_read(const char *path, size_t max, struct yg_text *into);

/* The same of regular files only, which do not block: -EINVAL for anything else. */
int yg_file_read_ordinary(const char *path, size_t max, struct yg_text *into);

/* The same of the standard input, from where it is; -EBADF: it is not open for reading. */
int yg_file_read_input(size_t max, struct yg_text *into);

/*
 * Reads a secret: one line end at the end is cut off.  "credential:NAME" is the file NAME of
 * $CREDENTIALS_DIRECTORY (systemd's LoadCredential=).
 *
 * path   of at most 4096 bytes
 * into   the secret is added to it, and may be freed by yg_secret_done()
 *
 * Returns 0; as yg_file_read(); -EPERM: others than owner and group may read or write the file;
 * -EINVAL: it is no regular file; -EBADMSG: it has a NUL byte; -ENOENT also where there are no
 * credentials; -ENODATA: it is empty.
 */
int yg_secret_read(const char *path, struct yg_text *into);

/* What a failure of the two means, for people.  Static. */
const char *yg_file_strerror(int result);

/* Frees a text after its bytes were wiped. */
void yg_secret_done(struct yg_text *text);

/*
 * Makes a file that was not there, with mode 0600.
 *
 * Returns 0, -EEXIST, or -errno; a file that could not be written whole is removed.
 */
int yg_file_create(const char *path, const char *ptr, size_t len);

#endif
