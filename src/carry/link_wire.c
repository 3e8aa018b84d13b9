/* SPDX-License-Identifier: MIT */
#include "carry/link_wire.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/container.h"

/* No method of HTTP begins so, and no record of TLS. */
static const uint8_t magic[8] = {0, 'Y', 'D', 'L', 'I', 'N', 'K', '\n'};

static void put16(uint8_t *to, unsigned number)
{
    to[0] = (uint8_t)(number >> 8);
    to[1] = (uint8_t)number;
}

static unsigned get16(const uint8_t *from)
{
    return (unsigned)from[0] << 8 | from[1];
}

void yd_link_put_number(uint8_t ret[4], uint32_t number)
{
    put16(ret, number >> 16);
    put16(ret + 2, number & 0xffff);
}

uint32_t yd_link_get_number(const uint8_t data[4])
{
    return (uint32_t)get16(data) << 16 | get16(data + 2);
}

/* ---- frames ---- */

void yd_link_put_head(uint8_t ret[YD_LINK_HEAD_SIZE], const struct yd_link_head *head)
{
    yd_link_put_number(ret, head->len);
    yd_link_put_number(ret + 4, head->stream);
    ret[8] = head->kind;
    ret[9] = head->flags;
    ret[10] = ret[11] = 0;
}

/* Frames of the link as a whole have no stream, the others one. */
static bool is_of_link(unsigned kind)
{
    return kind >= YD_LINK_PING;
}

static bool has_valid_length(const struct yd_link_head *head)
{
    switch (head->kind) {
    case YD_LINK_OPEN:
        return head->len > 0 && head->len <= YD_LINK_MAX_OPEN;
    case YD_LINK_DATA:
        return head->len > 0 && head->len <= YD_LINK_MAX_DATA;
    case YD_LINK_CREDIT:
        return head->len == 4;
    default:
        return head->len == 0;
    }
}

static bool has_valid_flags(const struct yd_link_head *head)
{
    switch (head->kind) {
    case YD_LINK_END:
        return (head->flags & ~YD_LINK_KEEPS) == 0;
    case YD_LINK_RESET:
        return head->flags <= YD_LINK_BUSY;
    default:
        return head->flags == 0;
    }
}

bool yd_link_get_head(const uint8_t data[YD_LINK_HEAD_SIZE], struct yd_link_head *ret_head)
{
    struct yd_link_head head = {
        .len = yd_link_get_number(data),
        .stream = yd_link_get_number(data + 4),
        .kind = data[8],
        .flags = data[9],
    };

    if (head.kind < YD_LINK_OPEN || head.kind > YD_LINK_LEAVE || data[10] != 0 || data[11] != 0 ||
        !has_valid_length(&head) || !has_valid_flags(&head) ||
        (head.stream == 0) != is_of_link(head.kind))
        return false;
    *ret_head = head;
    return true;
}

/* ---- the client ---- */

#define CLIENT_SIZE 20

static bool put_text(uint8_t *to, size_t *at, yodel_str text)
{
    if (text.len >= YD_LINK_MAX_OPEN || *at + 2 + text.len > YD_LINK_MAX_OPEN)
        return false;
    put16(to + *at, text.ptr != NULL ? (unsigned)text.len + 1 : 0);
    if (text.len > 0)
        memcpy(to + *at + 2, text.ptr, text.len);
    *at += 2 + text.len;
    return true;
}

ssize_t yd_link_put_client(uint8_t ret[YD_LINK_MAX_OPEN], const struct yd_carried *client)
{
    size_t at = CLIENT_SIZE;

    ret[0] = client->ip.kind;
    ret[1] = client->is_tls;
    put16(ret + 2, client->ip.port);
    memcpy(ret + 4, client->ip.bytes, sizeof client->ip.bytes);
    if (!put_text(ret, &at, client->host) || !put_text(ret, &at, client->tag) ||
        !put_text(ret, &at, client->subject) || !put_text(ret, &at, client->fingerprint))
        return YODEL_ERR_TOO_BIG;
    return (ssize_t)at;
}

static bool get_text(const uint8_t *data, size_t len, size_t *at, yodel_str *ret)
{
    size_t size;

    if (len - *at < 2)
        return false;
    size = get16(data + *at);
    *at += 2;
    *ret = (yodel_str){NULL, 0};
    if (size == 0)
        return true;
    if (size - 1 > len - *at)
        return false;
    *ret = (yodel_str){(const char *)data + *at, size - 1};
    *at += size - 1;
    return memchr(ret->ptr, '\0', ret->len) == NULL;
}

bool yd_link_get_client(const uint8_t *data, size_t len, struct yd_carried *ret_client)
{
    struct yd_carried client = {.is_tls = false};
    size_t at = CLIENT_SIZE;

    if (len < CLIENT_SIZE || data[0] > YD_IP_UNIX || data[1] > 1)
        return false;
    client.ip.kind = data[0];
    client.is_tls = data[1] != 0;
    client.ip.port = (uint16_t)get16(data + 2);
    memcpy(client.ip.bytes, data + 4, sizeof client.ip.bytes);
    if (!get_text(data, len, &at, &client.host) || !get_text(data, len, &at, &client.tag) ||
        !get_text(data, len, &at, &client.subject) ||
        !get_text(data, len, &at, &client.fingerprint) || at != len)
        return false;
    *ret_client = client;
    return true;
}

/* ---- the beginning ---- */

/* What both messages begin with: magic, version, a number. */
static void put_begin(uint8_t *to, unsigned number)
{
    memcpy(to, magic, sizeof magic);
    put16(to + 8, YD_LINK_VERSION);
    put16(to + 10, number);
}

static bool begins_well(const uint8_t *data, size_t len)
{
    return memcmp(data, magic, YD_MIN(len, sizeof magic)) == 0 &&
           (len < 10 || get16(data + 8) == YD_LINK_VERSION);
}

void yd_link_put_hello(uint8_t ret[YD_LINK_HELLO_SIZE], const struct yd_link_hello *hello)
{
    put_begin(ret, hello->loop);
    yd_link_put_number(ret + 12, hello->from);
    yd_link_put_number(ret + 16, hello->to);
    yd_link_put_number(ret + 20, 0);
    memcpy(ret + 24, hello->nonce, sizeof hello->nonce);
}

int yd_link_get_hello(const uint8_t *data, size_t len, struct yd_link_hello *ret_hello)
{
    if (!begins_well(data, len))
        return -EPROTO;
    if (len < YD_LINK_HELLO_SIZE)
        return 0;
    if (yd_link_get_number(data + 20) != 0)
        return -EPROTO;
    ret_hello->loop = get16(data + 10);
    ret_hello->from = yd_link_get_number(data + 12);
    ret_hello->to = yd_link_get_number(data + 16);
    memcpy(ret_hello->nonce, data + 24, sizeof ret_hello->nonce);
    return 1;
}

void yd_link_put_challenge(uint8_t ret[YD_LINK_CHALLENGE_SIZE], enum yd_link_answer answer,
                           const uint8_t nonce[32])
{
    put_begin(ret, answer);
    yd_link_put_number(ret + 12, 0);
    memcpy(ret + 16, nonce, 32);
}

int yd_link_get_challenge(const uint8_t *data, size_t len, enum yd_link_answer *ret_answer)
{
    if (!begins_well(data, len))
        return -EPROTO;
    if (len < YD_LINK_CHALLENGE_SIZE)
        return 0;
    if (get16(data + 10) > YD_LINK_STOPPING || yd_link_get_number(data + 12) != 0)
        return -EPROTO;
    *ret_answer = (enum yd_link_answer)get16(data + 10);
    return 1;
}

int yd_link_prove(yodel_bytes secret, bool caller, const uint8_t hello[YD_LINK_HELLO_SIZE],
                  const uint8_t challenge[YD_LINK_CHALLENGE_SIZE],
                  uint8_t ret_proof[YD_LINK_PROOF_SIZE])
{
    uint8_t text[8 + YD_LINK_HELLO_SIZE + YD_LINK_CHALLENGE_SIZE];
    unsigned len = 0;

    memcpy(text, caller ? "caller\0" : "called\0", 8);
    memcpy(text + 8, hello, YD_LINK_HELLO_SIZE);
    memcpy(text + 8 + YD_LINK_HELLO_SIZE, challenge, YD_LINK_CHALLENGE_SIZE);
    if (HMAC(EVP_sha256(), secret.ptr, (int)secret.len, text, sizeof text, ret_proof, &len) ==
            NULL ||
        len != YD_LINK_PROOF_SIZE)
        return -ENOMEM;
    return 0;
}

bool yd_link_proofs_are_equal(const uint8_t a[YD_LINK_PROOF_SIZE],
                              const uint8_t b[YD_LINK_PROOF_SIZE])
{
    return CRYPTO_memcmp(a, b, YD_LINK_PROOF_SIZE) == 0;
}
