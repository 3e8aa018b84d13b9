/* SPDX-License-Identifier: MIT */
#include "base/curl.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>

static CURLcode result;

static void init(void)
{
    result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int yg_curl_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init);
    return result == CURLE_OK ? 0 : -ENOMEM;
}
