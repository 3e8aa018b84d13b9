/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_CURL_H
#define YG_BASE_CURL_H

/*
 * Makes libcurl ready, which belongs to the process: once, however often it is asked.  Any thread,
 * ahead of everything else of libcurl's.
 *
 * Returns 0 or -ENOMEM.
 */
int yg_curl_init(void);

#endif
