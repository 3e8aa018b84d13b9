/* SPDX-License-Identifier: MIT */
#include "base/curl.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/text.h"

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

bool yg_curl_cut_unix(const char *url, yodel_str *ret_path, yodel_str *ret_uri)
{
    const char *end = strncmp(url, "unix:/", 6) == 0 ? strstr(url + 6, ":/") : NULL;

    if (end == NULL)
        return false;
    *ret_path = (yodel_str){url + 5, (size_t)(end - url) - 5};
    *ret_uri = yodel_str_of(end + 1);
    return true;
}

bool yg_curl_set_url(CURL *curl, const char *url)
{
    struct yg_text text = {0};
    yodel_str path, uri;
    bool is_set;

    if (!yg_curl_cut_unix(url, &path, &uri))
        return curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, NULL) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
    yg_text_add(&text, path.ptr, path.len);
    is_set = !yg_text_failed(&text) &&
             curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, text.ptr) == CURLE_OK;
    yg_text_reset(&text);
    yg_text_printf(&text, YG_CURL_LOCALHOST "%s", uri.ptr);
    is_set = is_set && !yg_text_failed(&text) &&
             curl_easy_setopt(curl, CURLOPT_URL, text.ptr) == CURLE_OK;
    yg_text_done(&text);
    return is_set;
}
