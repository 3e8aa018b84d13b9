/* SPDX-License-Identifier: MIT */
#include "proto/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

#include <cmocka.h>

/* Bytes on their way to the server. */
struct stream {
    uint8_t *data;
    size_t len;
};

/* What came out of a reader, as text: a letter for the opcode, 'z' when compressed, the payload in
 * brackets; '(' without ')' is a message that has not ended; "!1002" is the end. */
struct log {
    char *text;
    size_t len, cap;
};

static void put(struct stream *stream, const void *data, size_t len)
{
    stream->data = realloc(stream->data, stream->len + len + 1);
    assert_non_null(stream->data);
    memcpy(stream->data + stream->len, data, len);
    stream->len += len;
}

static void note(struct log *log, const void *data, size_t len)
{
    if (log->cap <= log->len + len) {
        log->cap = (log->len + len + 1) * 2;
        log->text = realloc(log->text, log->cap);
        assert_non_null(log->text);
    }
    memcpy(log->text + log->len, data, len);
    log->len += len;
    log->text[log->len] = '\0';
}

/* A masked frame, its length in the shortest form. */
static void put_frame(struct stream *stream, uint8_t first, const void *payload, size_t len)
{
    static const uint8_t key[4] = {0xa1, 0x02, 0xff, 0x7c};
    uint8_t head[YD_WS_MAX_HEADER];
    size_t size = yd_ws_put_header(head + sizeof(head), first, len);

    head[sizeof(head) - size + 1] |= 0x80;
    put(stream, head + sizeof(head) - size, size);
    put(stream, key, sizeof(key));
    put(stream, payload, len);
    for (size_t i = 0; i < len; i++)
        stream->data[stream->len - len + i] ^= key[i % 4];
}

/* Frames written as "81:hello 89:": the first byte in hexadecimal, the payload. */
static void put_frames(struct stream *stream, const char *frames)
{
    while (*frames) {
        size_t len;

        assert_true(strlen(frames) >= 3);
        len = strcspn(frames + 3, " ");
        put_frame(stream, (uint8_t)strtoul(frames, NULL, 16), frames + 3, len);
        frames += 3 + len;
        frames += strspn(frames, " ");
    }
}

/* A reader with those who put its pieces together. */
struct peer {
    struct yd_ws_reader reader;
    struct yd_ws_rules rules;
    struct log log, message, control;
    int result;
    size_t used;
};

static bool is_ascii(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] >= 0x80)
            return false;
    return true;
}

static void take_piece(struct peer *peer, const struct yd_ws_piece *piece)
{
    static const char letters[] = "?tb?????cpo";
    bool is_control = piece->opcode >= YD_WS_CLOSE;
    struct log *open = is_control ? &peer->control : &peer->message;
    char begin[4];

    assert_true(piece->opcode < sizeof(letters) - 1);
    assert_true(piece->first == (open->len == 0));
    assert_true(piece->ascii == is_ascii(piece->data, piece->len));
    if (piece->first) {
        snprintf(begin, sizeof(begin), "%c%s(", letters[piece->opcode],
                 piece->compressed ? "z" : "");
        note(open, begin, strlen(begin));
    }
    note(open, piece->data, piece->len);
    if (piece->last) {
        note(open, ")", 1);
        note(&peer->log, open->text, open->len);
        open->len = 0;
    }
}

/* In memory of its own, so that a read beyond it is seen. */
static void feed(struct peer *peer, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));
    const char *error = NULL;
    size_t at = 0;

    assert_non_null(copy);
    memcpy(copy, data, len);
    do {
        struct yd_ws_piece piece;
        size_t used = SIZE_MAX;

        peer->result =
            yd_ws_read(&peer->reader, &peer->rules, copy + at, len - at, &used, &piece, &error);
        assert_true(used <= len - at);
        if (peer->result == 1)
            take_piece(peer, &piece);
        if (peer->result < 0)
            assert_int_equal(used, 0);
        at += used;
    } while (peer->result == 1 && at < len);
    assert_true(peer->result < 0 || at == len);
    assert_true((peer->result < 0) == (error != NULL));
    peer->used += at;
    free(copy);
}

/* Feeds the stream in chunks; the log is then complete. */
static void run(struct peer *peer, const struct stream *stream, size_t chunk)
{
    char end[16];

    for (size_t at = 0; at < stream->len && peer->result >= 0; at += chunk)
        feed(peer, stream->data + at, YD_MIN(chunk, stream->len - at));
    note(&peer->log, peer->message.text ? peer->message.text : "", peer->message.len);
    note(&peer->log, peer->control.text ? peer->control.text : "", peer->control.len);
    if (peer->result < 0) {
        snprintf(end, sizeof(end), "!%d", -peer->result);
        note(&peer->log, end, strlen(end));
    }
}

static void peer_done(struct peer *peer)
{
    free(peer->log.text);
    free(peer->message.text);
    free(peer->control.text);
}

static void expect(const struct stream *stream, uint64_t max, bool rsv1, const char *log)
{
    static const size_t chunks[] = {SIZE_MAX / 2, 1, 2, 3, 5, 7, 11, 64};

    for (size_t i = 0; i < YD_LEN(chunks); i++) {
        struct peer peer = {.rules = {.max = max, .allow_rsv1 = rsv1}};

        run(&peer, stream, chunks[i]);
        assert_string_equal(peer.log.text, log);
        peer_done(&peer);
    }
}

static void test_ws_frame_reader_is_small(void **state)
{
    assert_true(sizeof(struct yd_ws_reader) <= 24);
}

static void test_ws_frame_reads_messages(void **state)
{
    static const struct {
        const char *frames, *log;
    } cases[] = {
        {"81:hello", "t(hello)"},
        {"82:hello", "b(hello)"},
        {"81:", "t()"},
        {"81:a 82:b 81:c", "t(a)b(b)t(c)"},
        {"89: 89:x 8a:y 88:zz", "p()p(x)o(y)c(zz)"},
        {"01:he 80:llo", "t(hello)"},
        {"02:he 00:l 00: 00:l 80:o", "b(hello)"},
        {"01: 00: 80:", "t()"},
        {"01:he 89:ping 00:ll 8a: 80:o 81:next", "p(ping)o()t(hello)t(next)"},
        {"01:he 88:ab", "c(ab)t(he"},
        {"01:unfinished", "t(unfinished"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct stream stream = {0};

        put_frames(&stream, cases[i].frames);
        expect(&stream, 1000, false, cases[i].log);
        free(stream.data);
    }
}

static void test_ws_frame_refuses_broken_sequences(void **state)
{
    static const struct {
        const char *frames, *log;
    } cases[] = {
        {"81:good 80:bad", "t(good)!1002"},
        {"80:bad", "!1002"},
        {"00:bad", "!1002"},
        {"01:he 81:bad", "t(he!1002"},
        {"01:he 02:bad", "t(he!1002"},
        {"01:a 80:b 80:c", "t(ab)!1002"},
        {"09:bad", "!1002"},
        {"08:ab", "!1002"},
        {"0a:bad", "!1002"},
        {"83:x", "!1002"},
        {"87:x", "!1002"},
        {"8b:x", "!1002"},
        {"8f:x", "!1002"},
        {"01:a 8b:x", "t(a!1002"},
        {"c1:x", "!1002"},
        {"a1:x", "!1002"},
        {"91:x", "!1002"},
        {"f1:x", "!1002"},
        {"89:ping a9:x", "p(ping)!1002"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct stream stream = {0};

        put_frames(&stream, cases[i].frames);
        expect(&stream, 1000, false, cases[i].log);
        free(stream.data);
    }
}

static void test_ws_frame_knows_compressed_messages(void **state)
{
    static const struct {
        const char *frames, *log;
    } cases[] = {
        {"c1:x 81:y c2:z", "tz(x)t(y)bz(z)"},
        {"41:a 89: 00:b 80:c 81:d", "p()tz(abc)t(d)"},
        {"41:a c0:b", "tz(a!1002"},
        {"01:a c0:b", "t(a!1002"},
        {"c9:x", "!1002"},
        {"c8:", "!1002"},
        {"e1:x", "!1002"},
        {"d1:x", "!1002"},
        {"a1:x", "!1002"},
        {"c0:x", "!1002"},
        {"c3:x", "!1002"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct stream stream = {0};

        put_frames(&stream, cases[i].frames);
        expect(&stream, 1000, true, cases[i].log);
        free(stream.data);
    }
}

/* Each is refused at its last byte and not before. */
static void test_ws_frame_refuses_a_header_at_its_first_bad_byte(void **state)
{
    static const struct {
        const char *head;
        size_t len;
        int result;
    } cases[] = {
        {"\x83", 1, -1002},
        {"\xc1", 1, -1002},
        {"\x09", 1, -1002},
        {"\x80", 1, -1002},
        {"\x81\x05", 2, -1002},
        {"\x81\x7e", 2, -1002},
        {"\x82\x00", 2, -1002},
        {"\x89\xfe", 2, -1002},
        {"\x88\xff", 2, -1002},
        {"\x81\xfe\x00\x00", 4, -1002},
        {"\x81\xfe\x00\x7d", 4, -1002},
        {"\x82\xff\x80", 3, -1002},
        {"\x82\xff\xff", 3, -1002},
        {"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05", 10, -1002},
        {"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", 10, -1002},
        /* 2^63 - 1, 2^62, 2^32 + 5, one too many */
        {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10, -1009},
        {"\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00", 10, -1009},
        {"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x05", 10, -1009},
        {"\x82\xfe\x03\xe9", 4, -1009},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        const uint8_t *head = (const uint8_t *)cases[i].head;
        struct peer whole = {.rules = {.max = 1000}}, bytes = {.rules = {.max = 1000}};

        feed(&whole, head, cases[i].len);
        assert_int_equal(whole.result, cases[i].result);
        for (size_t j = 0; j < cases[i].len; j++) {
            assert_int_equal(bytes.result, 0);
            feed(&bytes, head + j, 1);
        }
        assert_int_equal(bytes.result, cases[i].result);
        assert_int_equal(bytes.used, cases[i].len - 1);
        peer_done(&whole);
        peer_done(&bytes);
    }
}

static void test_ws_frame_limits_the_sum_of_a_message(void **state)
{
    static const struct {
        uint64_t max;
        const char *frames, *log;
    } cases[] = {
        {5, "81:12345", "t(12345)"},
        {4, "81:12345", "!1009"},
        {0, "81: 82:x", "t()!1009"},
        {5, "01:12 00:34 80:5", "t(12345)"},
        {4, "01:12 00:34 80:5", "t(1234!1009"},
        {4, "01:12 00:34 80: 81:1234 82:12345", "t(1234)t(1234)!1009"},
        /* what stands between is not of the message */
        {4, "01:12 89:12345 00:34 89:1234567890 80:", "p(12345)p(1234567890)t(1234)"},
        {UINT64_MAX, "01:12 80:34", "t(1234)"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct stream stream = {0};

        put_frames(&stream, cases[i].frames);
        expect(&stream, cases[i].max, false, cases[i].log);
        free(stream.data);
    }
}

static void test_ws_frame_adds_lengths_without_wrapping(void **state)
{
    static const uint64_t before[] = {UINT64_MAX, UINT64_MAX - 4, UINT64_MAX - 5};

    for (size_t i = 0; i < YD_LEN(before); i++) {
        struct peer peer = {.rules = {.max = UINT64_MAX}, .reader = {.opcode = YD_WS_TEXT}};
        struct stream stream = {0};

        peer.reader.message = before[i];
        put_frames(&stream, "00:12345");
        feed(&peer, stream.data, 2);
        assert_int_equal(peer.result, i < 2 ? YD_WS_ERR_TOO_BIG : 0);
        free(stream.data);
        peer_done(&peer);
    }
}

static void test_ws_frame_reads_every_form_of_length(void **state)
{
    static const size_t lens[] = {0, 1, 124, 125, 126, 127, 128, 255, 256, 65535, 65536, 70000};

    for (size_t i = 0; i < YD_LEN(lens); i++) {
        size_t len = lens[i];
        char *payload = malloc(len + 1), *log = malloc(len + 16);
        struct stream stream = {0};

        assert_non_null(payload);
        assert_non_null(log);
        for (size_t j = 0; j < len; j++)
            payload[j] = (char)('a' + j * j % 23);
        payload[len] = '\0';
        put_frame(&stream, YD_WS_FIN | YD_WS_BINARY, payload, len);
        put_frames(&stream, "81:x");
        sprintf(log, "b(%s)t(x)", payload);
        expect(&stream, 70000, false, log);
        free(stream.data);
        free(payload);
        free(log);
    }
}

static void assert_piece(struct peer *peer, uint8_t *data, size_t len, const char *expected)
{
    struct yd_ws_piece piece;
    const char *error;
    char text[64];
    size_t used;

    assert_int_equal(yd_ws_read(&peer->reader, &peer->rules, data, len, &used, &piece, &error), 1);
    assert_int_equal(used, len);
    assert_ptr_equal(piece.data, data + len - piece.len);
    snprintf(text, sizeof(text), "%x%s%s %.*s", piece.opcode, piece.first ? " first" : "",
             piece.last ? " last" : "", (int)piece.len, (const char *)piece.data);
    assert_string_equal(text, expected);
}

static void assert_nothing(struct peer *peer, uint8_t *data, size_t len)
{
    struct yd_ws_piece piece;
    const char *error;
    size_t used;

    assert_int_equal(yd_ws_read(&peer->reader, &peer->rules, data, len, &used, &piece, &error), 0);
    assert_int_equal(used, len);
}

/* header | part | rest, for a message in two frames with a ping between, all of them cut */
static void test_ws_frame_marks_the_pieces(void **state)
{
    struct peer peer = {.rules = {.max = 100}};
    struct stream s = {0};

    put_frames(&s, "01:abcdefg 89:ping 80:hijklmn 81:");
    assert_nothing(&peer, NULL, 0);
    assert_nothing(&peer, s.data, 6);
    assert_nothing(&peer, NULL, 0);
    assert_piece(&peer, s.data + 6, 2, "1 first ab");
    assert_piece(&peer, s.data + 8, 1, "1 c");
    assert_piece(&peer, s.data + 9, 4, "1 defg");
    assert_piece(&peer, s.data + 13, 8, "9 first pi");
    assert_piece(&peer, s.data + 21, 2, "9 last ng");
    assert_nothing(&peer, s.data + 23, 6);
    assert_piece(&peer, s.data + 29, 3, "1 hij");
    assert_piece(&peer, s.data + 32, 4, "1 last klmn");
    assert_piece(&peer, s.data + 36, 6, "1 first last ");
    assert_int_equal(s.len, 42);
    free(s.data);
}

/* A good message ahead of a bad frame in one read is given out first. */
static void test_ws_frame_error_takes_nothing(void **state)
{
    const struct yd_ws_rules rules = {.max = 100};
    struct yd_ws_reader reader = {0};
    struct yd_ws_piece piece;
    struct stream s = {0};
    const char *error = NULL;
    size_t used;

    put_frames(&s, "81:good 83:bad");
    assert_int_equal(yd_ws_read(&reader, &rules, s.data, s.len, &used, &piece, &error), 1);
    assert_int_equal(used, 10);
    assert_int_equal(piece.len, 4);
    assert_memory_equal(piece.data, "good", 4);
    assert_int_equal(
        yd_ws_read(&reader, &rules, s.data + used, s.len - used, &used, &piece, &error),
        YD_WS_ERR_PROTOCOL);
    assert_int_equal(used, 0);
    assert_non_null(error);
    free(s.data);
}

static void test_ws_frame_writes_headers(void **state)
{
    static const struct {
        uint64_t len;
        const char *head;
        size_t size;
    } cases[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10},
        {0x0123456789abcdef, "\x81\x7f\x01\x23\x45\x67\x89\xab\xcd\xef", 10},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        uint8_t room[YD_WS_MAX_HEADER];
        uint8_t *end = room + sizeof(room);

        assert_int_equal(yd_ws_put_header(end, 0x81, cases[i].len), cases[i].size);
        assert_memory_equal(end - cases[i].size, cases[i].head, cases[i].size);
    }
}

static void test_ws_frame_close_codes(void **state)
{
    static const struct {
        unsigned first, last;
    } valid[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};

    for (unsigned code = 0; code <= 65536; code++) {
        bool is_valid = false;

        for (size_t i = 0; i < YD_LEN(valid); i++)
            is_valid |= code >= valid[i].first && code <= valid[i].last;
        assert_true(yd_ws_close_code_is_valid(code) == is_valid);
    }
}

static void test_ws_frame_parses_close_bodies(void **state)
{
    static const struct {
        const char *body;
        size_t len;
        int result;
        uint16_t code;
        const char *reason;
    } cases[] = {
        {"", 0, 0, 1005, ""},
        {"\x03", 1, 1002, 0, ""},
        {"\x03\xe8", 2, 0, 1000, ""},
        {"\x03\xe8 bye", 6, 0, 1000, " bye"},
        {"\x0f\xa0\xc3\xa9", 4, 0, 4000, "\xc3\xa9"},
        {"\x03\xed", 2, 1002, 0, ""},
        {"\x03\xf7", 2, 1002, 0, ""},
        {"\x00\x00", 2, 1002, 0, ""},
        {"\x13\x88", 2, 1002, 0, ""},
        {"\xff\xff", 2, 1002, 0, ""},
        {"\x03\xe8\xc3", 3, 1007, 0, ""},
        {"\x03\xe8\xed\xa0\x80", 5, 1007, 0, ""},
        /* the code counts first */
        {"\x03\xed\xc3", 3, 1002, 0, ""},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        const uint8_t *reason = NULL;
        uint16_t code = 0;
        size_t len = 0;

        assert_int_equal(
            yd_ws_parse_close((const uint8_t *)cases[i].body, cases[i].len, &code, &reason, &len),
            cases[i].result);
        assert_int_equal(code, cases[i].code);
        assert_int_equal(len, strlen(cases[i].reason));
        if (len > 0)
            assert_memory_equal(reason, cases[i].reason, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_frame_reader_is_small),
        cmocka_unit_test(test_ws_frame_reads_messages),
        cmocka_unit_test(test_ws_frame_refuses_broken_sequences),
        cmocka_unit_test(test_ws_frame_knows_compressed_messages),
        cmocka_unit_test(test_ws_frame_refuses_a_header_at_its_first_bad_byte),
        cmocka_unit_test(test_ws_frame_limits_the_sum_of_a_message),
        cmocka_unit_test(test_ws_frame_adds_lengths_without_wrapping),
        cmocka_unit_test(test_ws_frame_reads_every_form_of_length),
        cmocka_unit_test(test_ws_frame_marks_the_pieces),
        cmocka_unit_test(test_ws_frame_error_takes_nothing),
        cmocka_unit_test(test_ws_frame_writes_headers),
        cmocka_unit_test(test_ws_frame_close_codes),
        cmocka_unit_test(test_ws_frame_parses_close_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
