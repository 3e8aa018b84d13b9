/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_CURL_H
#define YG_BASE_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <yodel/base.h>

/*
 * Makes libcurl ready, which belongs to the process: once, however often it is asked.  Any thread,
 * ahead of everything else of libcurl's.
 *
 * Returns 0 or -ENOMEM.
 */
int yg_curl_init(void);

/* What libcurl is given as the host of a Unix socket, which has none. */
#define YG_CURL_LOCALHOST "http://localhost"

/*
 * Cuts "unix:PATH:/uri", which is HTTP over the Unix socket at PATH.  PATH is absolute and ends at
 * the first ":/", so it has none itself, and the uri may have some.
 *
 * ret_path, ret_uri   views of the URL, the uri with its "/"; written when it is such a URL
 *
 * Returns whether it is one.
 */
bool yg_curl_cut_unix(const char *url, yodel_str *ret_path, yodel_str *ret_uri);

/*
 * Sets where a request goes to.
 *
 * url   copied; "unix:PATH:/uri", or what libcurl takes
 *
 * Returns false when out of memory.
 */
bool yg_curl_set_url(CURL *curl, const char *url);

#endif
