/* SPDX-License-Identifier: MIT */
#include "base/peer.h"

#include <string.h>

/* What is behind the address: ":PORT", or empty. */
static yodel_str end_of(yodel_str peer)
{
    const char *end, *bracket, *colon;

    if (peer.len == 0)
        return (yodel_str){NULL, 0};
    end = peer.ptr + peer.len;
    if (peer.ptr[0] == '[') {
        bracket = memchr(peer.ptr, ']', peer.len);
        return bracket != NULL ? (yodel_str){bracket + 1, (size_t)(end - bracket) - 1}
                               : (yodel_str){end, 0};
    }
    colon = memchr(peer.ptr, ':', peer.len);
    if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon) - 1) != NULL)
        return (yodel_str){end, 0};
    return (yodel_str){colon, (size_t)(end - colon)};
}

yodel_str yg_peer_address(yodel_str peer)
{
    const yodel_str end = end_of(peer);
    const size_t len = peer.len - end.len;

    if (len > 2 && peer.ptr[0] == '[' && peer.ptr[len - 1] == ']')
        return (yodel_str){peer.ptr + 1, len - 2};
    return (yodel_str){peer.ptr, len};
}

unsigned yg_peer_port(yodel_str peer)
{
    const yodel_str end = end_of(peer);
    unsigned port = 0;

    if (end.len < 2 || end.len > 6 || end.ptr[0] != ':')
        return 0;
    for (size_t i = 1; i < end.len; i++) {
        if (end.ptr[i] < '0' || end.ptr[i] > '9')
            return 0;
        port = 10 * port + (unsigned)(end.ptr[i] - '0');
    }
    return port <= 65535 ? port : 0;
}
