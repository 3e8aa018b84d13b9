/* SPDX-License-Identifier: MIT */
#include "proto/proxy_head.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"

enum state { BEGIN = 0, LINE, BINARY, REST, DONE };

static const uint8_t signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                      '\n', 'Q',  'U',  'I',  'T',  '\n'};

#define FIXED 16 /* bytes of version 2 up to the addresses */
#define TLV_HEAD 3
#define TLV_SSL 0x20 /* PP2_TYPE_SSL; its first byte has PP2_CLIENT_SSL */
#define CLIENT_SSL 0x01

/* ---- version 1 (2.1) ---- */

/* Takes the next word off, and the blank after it; false when there is none. */
static bool next_word(yodel_str *line, yodel_str *ret)
{
    const char *blank = line->len > 0 ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t len = blank != NULL ? (size_t)(blank - line->ptr) : line->len;

    *ret = (yodel_str){line->ptr, len};
    line->ptr += blank != NULL ? len + 1 : len;
    line->len -= blank != NULL ? len + 1 : len;
    return len > 0;
}

/* Without leading zeros, 0 to 65535. */
static bool parse_port(yodel_str text, uint16_t *ret)
{
    unsigned port = 0;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *ret = (uint16_t)port;
    return port <= 65535;
}

/* An address of the family, with nothing else. */
static bool parse_address(yodel_str text, bool v6, struct yd_ip *ret)
{
    bool has_colon = text.len > 0 && memchr(text.ptr, ':', text.len) != NULL;

    return has_colon == v6 && text.ptr[0] != '[' && yd_ip_parse(text, ret);
}

static int parse_tcp(struct yd_proxy_head *head, yodel_str line, bool v6)
{
    yodel_str from, to, from_port, to_port;
    struct yd_ip there;
    uint16_t port;

    if (!next_word(&line, &from) || !next_word(&line, &to) || !next_word(&line, &from_port) ||
        !next_word(&line, &to_port) || line.len > 0 || to_port.ptr[to_port.len] == ' ')
        return -EPROTO;
    if (!parse_address(from, v6, &head->from) || !parse_address(to, v6, &there) ||
        !parse_port(from_port, &head->from.port) || !parse_port(to_port, &port))
        return -EPROTO;
    head->has_from = true;
    return 1;
}

/* What stands between "PROXY " and CR LF. */
static int parse_line(struct yd_proxy_head *head)
{
    yodel_str line = {(const char *)head->bytes + 6, head->len - 8u}, word;

    if (!next_word(&line, &word))
        return -EPROTO;
    if (yodel_str_eq(word, YODEL_STR("TCP4")) || yodel_str_eq(word, YODEL_STR("TCP6")))
        return parse_tcp(head, line, word.ptr[3] == '6');
    return yodel_str_eq(word, YODEL_STR("UNKNOWN")) ? 1 : -EPROTO;
}

static int take_line(struct yd_proxy_head *head)
{
    static const char begin[] = "PROXY ";
    uint8_t last = head->bytes[head->len - 1];

    if (head->len < sizeof begin && last != (uint8_t)begin[head->len - 1])
        return -EPROTO;
    if (last == '\n')
        return head->len > 7 && head->bytes[head->len - 2] == '\r' ? parse_line(head) : -EPROTO;
    if ((last < ' ' && last != '\r') || last > '~' || head->len == 107)
        return -EPROTO;
    return head->len > 1 && head->bytes[head->len - 2] == '\r' ? -EPROTO : 0;
}

/* ---- version 2 (2.2) ---- */

static unsigned number_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Bytes of the addresses of a family; 0 for one that tells none. */
static unsigned address_size(uint8_t family)
{
    return family == 1 ? 4 : family == 2 ? 16 : 0;
}

/* Only TCP has an address of use here; LOCAL has none that is meant. */
static unsigned wanted(const struct yd_proxy_head *head)
{
    unsigned size = address_size(head->bytes[13] >> 4);

    return (head->bytes[12] & 15) == 1 && (head->bytes[13] & 15) == 1 && size > 0 ? 2 * size + 4
                                                                                  : 0;
}

/* The 16 bytes are there. */
static int check_fixed(struct yd_proxy_head *head)
{
    uint8_t command = head->bytes[12], family = head->bytes[13];

    head->left = (uint16_t)number_at(head->bytes + 14);
    if ((command >> 4) != 2 || (command & 15) > 1 || (family >> 4) > 3 || (family & 15) > 2)
        return -EPROTO;
    if ((command & 15) == 1 && head->left < wanted(head))
        return -EPROTO;
    return 0;
}

static void note_addresses(struct yd_proxy_head *head)
{
    unsigned size = address_size(head->bytes[13] >> 4);
    const uint8_t *from = head->bytes + FIXED;

    if (wanted(head) == 0)
        return;
    head->from = yd_ip_of_bytes(from, size, (uint16_t)number_at(from + 2 * size));
    head->has_from = true;
    head->left = (uint16_t)(head->left - wanted(head));
}

static int take_binary(struct yd_proxy_head *head)
{
    int rc;

    if (head->len <= sizeof signature)
        return head->bytes[head->len - 1] == signature[head->len - 1] ? 0 : -EPROTO;
    if (head->len == FIXED && (rc = check_fixed(head)) < 0)
        return rc;
    if (head->len < FIXED || head->len < FIXED + wanted(head))
        return 0;
    note_addresses(head);
    head->state = REST;
    return head->left == 0;
}

/* A byte of the TLVs, which follow addresses of TCP; of others nothing is known. */
static int take_tlv(struct yd_proxy_head *head, uint8_t byte)
{
    if (head->tlv_len < sizeof head->tlv)
        head->tlv[head->tlv_len++] = byte;
    if (head->tlv_len == TLV_HEAD) {
        head->skip = (uint16_t)number_at(head->tlv + 1);
        if (head->skip > head->left)
            return -EPROTO;
    } else if (head->tlv_len > TLV_HEAD) {
        head->skip--;
    }
    if (head->tlv_len == TLV_HEAD + 1 && head->tlv[0] == TLV_SSL)
        head->is_tls = (head->tlv[TLV_HEAD] & CLIENT_SSL) != 0;
    if (head->tlv_len >= TLV_HEAD && head->skip == 0)
        head->tlv_len = 0;
    return 0;
}

static int take_rest(struct yd_proxy_head *head, uint8_t byte)
{
    head->left--;
    if (head->has_from && take_tlv(head, byte) < 0)
        return -EPROTO;
    if (head->left > 0)
        return 0;
    return head->tlv_len == 0 ? 1 : -EPROTO; /* a TLV must be whole */
}

/* ---- both ---- */

static int take_byte(struct yd_proxy_head *head, uint8_t byte)
{
    if (head->state == REST)
        return take_rest(head, byte);
    if (head->state == BEGIN)
        head->state = byte == signature[0] ? BINARY : LINE;
    head->bytes[head->len++] = byte;
    return head->state == LINE ? take_line(head) : take_binary(head);
}

int yd_proxy_head_take(struct yd_proxy_head *head, const uint8_t *data, size_t len,
                       size_t *ret_used)
{
    int rc = 0;
    size_t used = 0;

    while (used < len && rc == 0)
        rc = take_byte(head, data[used++]);
    if (rc >= 0)
        *ret_used = used;
    return rc;
}
