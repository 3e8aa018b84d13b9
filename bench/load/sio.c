/* SPDX-License-Identifier: MIT */
#include "sio.h"

#include <string.h>

enum sio_packet sio_packet_kind(const uint8_t *packet, size_t len)
{
    static const struct {
        const char *text; /* what such a packet starts with */
        enum sio_packet kind;
    } kinds[] = {
        {"0{\"sid\":", SIO_GOT_OPEN},
        {SIO_CONNECT "{\"sid\":", SIO_GOT_CONNECT},
        {"2", SIO_GOT_PING},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t text_len = strlen(kinds[i].text);

        if (len >= text_len && memcmp(packet, kinds[i].text, text_len) == 0)
            return kinds[i].kind;
    }
    return SIO_GOT_OTHER;
}
