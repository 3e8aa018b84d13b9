/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define ACCEPT_KEY_LEN 28
#define HANDSHAKE_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static void accept_key(const char *key, size_t len, char out[ACCEPT_KEY_LEN + 1])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[128];
    int text_len = snprintf(text, sizeof text, "%.*s" HANDSHAKE_GUID, (int)len, key);

    if (EVP_Digest(text, (size_t)text_len, digest, NULL, EVP_sha1(), NULL) != 1)
        abort();
    EVP_EncodeBlock((unsigned char *)out, digest, 20);
}

int bare_answer(const char *head, char answer[BARE_ANSWER_MAX])
{
    static const char field[] = "\r\nSec-WebSocket-Key:";
    char accept[ACCEPT_KEY_LEN + 1];
    const char *key = strcasestr(head, field);

    if (key == NULL)
        return -1;
    key += sizeof field - 1;
    key += strspn(key, " ");
    accept_key(key, strcspn(key, " \r"), accept);
    return snprintf(answer, BARE_ANSWER_MAX,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                    accept);
}

bool bare_is_broadcast(const char *head)
{
    return strncmp(head, "GET /broadcast ", 15) == 0;
}

bool bare_parse(const uint8_t *data, size_t len, struct frame *frame)
{
    if (len < 6)
        return false;
    frame->opcode = data[0] & 0x0f;
    frame->payload = data[1] & 0x7f;
    frame->head = 6;
    if (frame->payload == 126) {
        frame->payload = (size_t)data[2] << 8 | data[3];
        frame->head = 8;
    } else if (frame->payload == 127) {
        frame->payload = 0;
        for (int i = 2; i < 10; i++)
            frame->payload = frame->payload << 8 | data[i];
        frame->head = 14;
    }
    return len >= frame->head && len - frame->head >= frame->payload;
}

static void unmask(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *mask)
{
    uint64_t wide, word;
    size_t i = 0;

    memcpy(&wide, mask, 4);
    wide &= 0xffffffffu;
    wide |= wide << 32;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, in + i, 8);
        word ^= wide;
        memcpy(out + i, &word, 8);
    }
    for (; i < len; i++)
        out[i] = in[i] ^ (uint8_t)(wide >> 8 * (i % 4));
}

size_t bare_write_reply(uint8_t *out, const uint8_t *data, const struct frame *frame)
{
    size_t head = frame->head - 4;
    uint8_t mask[4];

    memcpy(mask, data + head, 4);
    memmove(out, data, head);
    out[1] &= 0x7f;
    unmask(out + head, data + frame->head, frame->payload, mask);
    return head + frame->payload;
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int bare_listen(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    raise_file_limit();
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -1;
    printf("PORT %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}
