/* SPDX-License-Identifier: MIT */
#include "proto/forwarded.h"
#include "proto/http1_chars.h"

#include <string.h>

#include "proto/http1_target.h"

/* Hops that are followed; a longer chain of trusted proxies ends there. */
#define MOST_HOPS 32

/* ---- lists from the right ---- */

/* Elements of all fields of a name, from the last one on. */
struct walk {
    const struct yd_http_head *head;
    yodel_str name;
    size_t field;   /* those that are left */
    yodel_str rest; /* of the present one */
    bool in_field;
};

static bool next_field(struct walk *walk)
{
    while (walk->field > 0) {
        const struct yd_http_field *field = &walk->head->fields[--walk->field];

        if (yd_str_eq_nocase(field->name, walk->name)) {
            walk->rest = field->value;
            return walk->in_field = true;
        }
    }
    return false;
}

/* The next element to the left, which may be empty. */
static bool previous(struct walk *walk, yodel_str *ret)
{
    size_t at;

    if (!walk->in_field && !next_field(walk))
        return false;
    for (at = walk->rest.len; at > 0 && walk->rest.ptr[at - 1] != ',';)
        at--;
    *ret = yd_http_trim((yodel_str){walk->rest.ptr + at, walk->rest.len - at});
    walk->in_field = at > 0;
    walk->rest.len = at > 0 ? at - 1 : 0;
    return true;
}

static struct walk walk_of(const struct yd_http_head *head, yodel_str name)
{
    return (struct walk){.head = head, .name = name, .field = head->num_fields};
}

static size_t count(const struct yd_http_head *head, yodel_str name)
{
    struct walk walk = walk_of(head, name);
    yodel_str element;
    size_t num = 0;

    while (previous(&walk, &element))
        num++;
    return num;
}

/* The element that the one who has added element number hop (from the right) of a list of num has
 * said; when the lists are not of one length, what the last proxy has said. */
static bool element_of(const struct yd_http_head *head, yodel_str name, size_t hop, size_t num,
                       yodel_str *ret)
{
    struct walk walk = walk_of(head, name);

    if (count(head, name) != num)
        hop = 0;
    for (size_t i = 0; i <= hop; i++)
        if (!previous(&walk, ret))
            return false;
    return true;
}

/* ---- values ---- */

static int tls_of(yodel_str proto)
{
    if (yd_str_eq_nocase(proto, YODEL_STR("https")) || yd_str_eq_nocase(proto, YODEL_STR("wss")))
        return 1;
    if (yd_str_eq_nocase(proto, YODEL_STR("http")) || yd_str_eq_nocase(proto, YODEL_STR("ws")))
        return 0;
    return -1;
}

static yodel_str host_of(yodel_str host)
{
    return yd_http_is_authority(host) ? host : (yodel_str){NULL, 0};
}

/* One more element to the left; true when the walk goes on beyond it. */
static bool step(struct yd_forwarded *ret, yodel_str address, const struct yd_trust *trust)
{
    struct yd_ip ip = {.kind = YD_IP_UNKNOWN};

    ret->has_client = true;
    (void)yd_ip_parse(address, &ip);
    ret->client = ip;
    return yd_is_trusted(trust, &ip);
}

/* ---- X-Forwarded-* ---- */

static void read_x(const struct yd_http_head *head, unsigned which, const struct yd_trust *trust,
                   struct yd_forwarded *ret)
{
    const yodel_str name = YODEL_STR("X-Forwarded-For");
    struct walk walk = walk_of(head, name);
    size_t num = count(head, name), hop = 0;
    yodel_str element;

    if ((which & YD_FORWARDED_FOR) != 0)
        while (hop < MOST_HOPS && previous(&walk, &element) && step(ret, element, trust))
            hop++;
    if (hop > 0 && (hop == num || hop == MOST_HOPS))
        hop--; /* all were trusted: the last of them is the client */
    if ((which & YD_FORWARDED_PROTO) != 0 &&
        element_of(head, YODEL_STR("X-Forwarded-Proto"), hop, num, &element))
        ret->is_tls = tls_of(element);
    if ((which & YD_FORWARDED_HOST) != 0 &&
        element_of(head, YODEL_STR("X-Forwarded-Host"), hop, num, &element))
        ret->host = host_of(element);
}

/* ---- Forwarded (RFC 7239) ---- */

struct hop {
    yodel_str address, proto, host;
};

/* The last hops of a list that is read from the left, as only so quoted strings can be told. */
struct hops {
    struct hop last[MOST_HOPS];
    size_t num;
};

/* Of a token; and of addresses with ports, that some proxies do not quote. */
static bool is_plain(char c)
{
    return c == ':' || c == '[' || c == ']' || yd_http_is_token((yodel_str){&c, 1});
}

/* A token or a quoted string (4), without its quotes; with escapes inside it is none of use here.
 * The rest begins after it; false for anything else. */
static bool take_value(yodel_str *rest, yodel_str *ret)
{
    const char *end;
    size_t len = 0;

    if (rest->len > 0 && rest->ptr[0] == '"') {
        end = memchr(rest->ptr + 1, '"', rest->len - 1);
        if (end == NULL || memchr(rest->ptr, '\\', (size_t)(end - rest->ptr)) != NULL)
            return false;
        len = (size_t)(end + 1 - rest->ptr);
        *ret = (yodel_str){rest->ptr + 1, len - 2};
    } else {
        while (len < rest->len && is_plain(rest->ptr[len]))
            len++;
        *ret = (yodel_str){rest->ptr, len};
    }
    rest->ptr += len;
    rest->len -= len;
    return len > 0;
}

static void note_pair(struct hop *hop, yodel_str name, yodel_str value)
{
    if (yd_str_eq_nocase(name, YODEL_STR("for")))
        hop->address = value;
    else if (yd_str_eq_nocase(name, YODEL_STR("proto")))
        hop->proto = value;
    else if (yd_str_eq_nocase(name, YODEL_STR("host")))
        hop->host = value;
}

/* [ token "=" value ] *( ";" [ pair ] ), up to a comma or the end. */
static bool take_hop(yodel_str *rest, struct hop *ret)
{
    *ret = (struct hop){.address = {NULL, 0}};
    for (;;) {
        yodel_str name, value;

        *rest = yd_http_trim(*rest);
        if (rest->len > 0 && rest->ptr[0] != ';' && rest->ptr[0] != ',') {
            if (rest->ptr[0] == '"' || !take_value(rest, &name) || rest->len == 0 ||
                rest->ptr[0] != '=')
                return false;
            *rest = (yodel_str){rest->ptr + 1, rest->len - 1};
            if (!take_value(rest, &value))
                return false;
            note_pair(ret, name, value);
            *rest = yd_http_trim(*rest);
        }
        if (rest->len == 0 || rest->ptr[0] == ',')
            return true;
        if (rest->ptr[0] != ';')
            return false;
        *rest = (yodel_str){rest->ptr + 1, rest->len - 1};
    }
}

/* All fields; what cannot be read as a whole tells nothing, as nobody knows who has written what.
 */
static bool collect(const struct yd_http_head *head, struct hops *ret)
{
    for (size_t i = 0; i < head->num_fields; i++) {
        yodel_str rest = head->fields[i].value;

        if (!yd_str_eq_nocase(head->fields[i].name, YODEL_STR("Forwarded")))
            continue;
        for (bool more = true; more;) {
            if (!take_hop(&rest, &ret->last[ret->num % MOST_HOPS]))
                return false;
            ret->num++;
            more = rest.len > 0;
            if (more)
                rest = (yodel_str){rest.ptr + 1, rest.len - 1};
        }
    }
    return true;
}

static void read_rfc(const struct yd_http_head *head, const struct yd_trust *trust,
                     struct yd_forwarded *ret)
{
    struct hops hops = {.num = 0};
    bool more = true;

    if (!collect(head, &hops)) {
        ret->has_client = true;
        ret->client = (struct yd_ip){.kind = YD_IP_UNKNOWN};
        return;
    }
    for (size_t i = 0; more && i < hops.num && i < MOST_HOPS; i++) {
        const struct hop *hop = &hops.last[(hops.num - 1 - i) % MOST_HOPS];

        more = step(ret, hop->address, trust);
        ret->is_tls = tls_of(hop->proto);
        ret->host = host_of(hop->host);
    }
}

void yd_forwarded_read(const struct yd_http_head *head, unsigned which, const struct yd_ip *peer,
                       const struct yd_trust *trust, struct yd_forwarded *ret)
{
    *ret = (struct yd_forwarded){.client = *peer, .is_tls = -1};
    if (!yd_is_trusted(trust, peer))
        return;
    if ((which & YD_FORWARDED_RFC) != 0)
        read_rfc(head, trust, ret);
    else
        read_x(head, which, trust, ret);
}
