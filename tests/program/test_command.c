/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "command/command.h"
#include "command/rights.h"
#include "failing.h"

/* ---- reading ---- */

static json_t *document_of(const char *text)
{
    char error[160];
    json_t *json = NULL;

    if (yg_json_parse(text, strlen(text), error, &json) != 0)
        fail_msg("%s: %s", text, error);
    return json;
}

static struct yg_command *parse_as(const char *text, bool has_sender)
{
    json_t *json = document_of(text);
    struct yg_command *command = NULL;
    struct yg_json wrong;
    const int rc = yg_command_parse(json, "", has_sender, &wrong, &command);

    json_decref(json);
    if (rc != 0)
        fail_msg("%s: %s: %s", text, wrong.pointer, wrong.detail);
    return command;
}

static struct yg_command *parse(const char *text)
{
    return parse_as(text, false);
}

static void test_command_emit(void **state)
{
    struct yg_command *command = parse(
        "{\"id\":\"7\",\"key\":\"k\",\"emit\":{\"namespace\":\"chat\",\"to\":{\"rooms\":[\"a\","
        "\"b\"],\"users\":[\"u\"]},\"except\":{\"sockets\":[\"s\"]},\"event\":\"said\",\"args\":"
        "[1,{\"x\":{\"_placeholder\":true,\"num\":0}}],\"attachments\":[\"AAEC\"],\"local\":true,"
        "\"ack\":{\"timeout_ms\":100,\"first\":true}}}");

    assert_int_equal(command->verb, YG_VERB_EMIT);
    assert_string_equal(command->id, "7");
    assert_string_equal(command->key, "k");
    assert_string_equal(command->ns, "/chat");
    assert_int_equal(command->to.rooms.num, 2);
    assert_string_equal(command->to.rooms.items[1], "b");
    assert_null(command->to.rooms.items[2]);
    assert_string_equal(command->to.users.items[0], "u");
    assert_string_equal(command->except.sockets.items[0], "s");
    assert_string_equal(command->event, "said");
    assert_string_equal(yg_text_string(&command->args),
                        "[1,{\"x\":{\"_placeholder\":true,\"num\":0}}]");
    assert_int_equal(command->num_attachments, 1);
    assert_int_equal(command->attachments[0].len, 3);
    assert_memory_equal(command->attachments[0].ptr, "\0\1\2", 3);
    assert_true(command->is_local && command->wants_ack && command->first_ack);
    assert_false(command->is_volatile);
    assert_true(command->keeps_history);
    assert_int_equal(command->ack_ms, 100);
    yg_command_free(command);
}

static void test_command_defaults(void **state)
{
    struct yg_command *command = parse("{\"emit\":{\"to\":{\"all\":true},\"event\":\"e\"}}");

    assert_true(command->to.all);
    assert_string_equal(command->ns, "/");
    assert_int_equal(command->args.len, 0);
    assert_false(command->wants_ack);
    yg_command_free(command);
    command = parse("{\"sockets\":{}}");
    assert_int_equal(command->limit, 100);
    assert_null(command->room);
    yg_command_free(command);
}

static void test_command_of_the_sender(void **state)
{
    struct yg_command *command = parse_as("{\"emit\":{\"event\":\"e\"}}", true);

    assert_true(command->to.sender);
    yg_command_free(command);
    command =
        parse_as("{\"emit\":{\"event\":\"e\",\"to\":{\"others\":true,\"rooms\":[\"r\"]}}}", true);
    assert_true(command->to.others && !command->to.sender);
    yg_command_free(command);
    command = parse_as("{\"join\":{\"rooms\":[\"r\"]}}", true);
    assert_true(command->to.sender);
    yg_command_free(command);
}

static void test_command_good_ones(void **state)
{
    static const char *const good[] = {
        "{\"emit\":{\"to\":{\"groups\":[\"g\"]},\"event\":\"message\",\"args\":[\"text\"]}}",
        "{\"emit\":{\"to\":{\"groups\":[\"g\"]},\"event\":\"message\",\"args\":[{\"_placeholder\":"
        "true,"
        "\"num\":0}],\"attachments\":[\"\"]}}",
        "{\"emit\":{\"to\":{\"all\":true},\"event\":\"e\",\"ack\":true}}",
        "{\"emit\":{\"to\":{\"all\":true},\"event\":\"e\",\"ack\":false}}",
        "{\"emit\":{\"to\":{\"all\":true},\"event\":\"e\",\"args\":[]}}",
        "{\"join\":{\"of\":{\"users\":[\"u\"]},\"rooms\":[\"a\",\"b\"]}}",
        "{\"leave\":{\"of\":{\"all\":true},\"except\":{\"users\":[\"u\"]},\"rooms\":[\"a\"]}}",
        "{\"disconnect\":{\"of\":{\"sockets\":[\"s\"]},\"reconnect\":true,\"message\":\"bye\"}}",
        "{\"update\":{\"of\":{\"sockets\":[\"s\"]},\"meta\":null}}",
        "{\"update\":{\"of\":{\"sockets\":[\"s\"]},\"expires_at\":0,\"must_exist\":true}}",
        "{\"sockets\":{\"room\":\"r\",\"limit\":1000,\"count\":true}}",
        "{\"socket\":{\"sid\":\"s\"}}",
        "{\"rooms\":{\"prefix\":\"chat:\",\"cursor\":\"chat:1\"}}",
        "{\"presence\":{\"room\":\"r\"}}",
        "{\"history\":{\"group\":\"g\",\"since\":\"1-2\",\"limit\":5,\"reverse\":true}}",
        "{\"forget\":{\"group\":\"g\"}}",
        "{\"nodes\":{}}",
        "{\"stats\":{}}",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        yg_command_free(parse(good[i]));
}

/* ---- bad ones: each with the place that is wrong ---- */

#define E "{\"emit\":{\"to\":{\"all\":true},\"event\":\"e\","
#define J "{\"join\":{\"of\":{\"all\":true},\"rooms\":[\"r\"],"
#define D "{\"disconnect\":{\"of\":{\"all\":true},"
#define U "{\"update\":{\"of\":{\"all\":true},"
#define T(to) "{\"emit\":{\"event\":\"e\",\"to\":" to "}}"
#define G(rest) "{\"emit\":{\"to\":{\"groups\":[\"g\"]}," rest "}}"

static const struct {
    const char *text, *pointer;
    const char *detail; /* a part of it; NULL: any */
} bad[] = {
    /* no command */
    {"[]", "", "object"},
    {"\"emit\"", "", "object"},
    {"null", "", "object"},
    {"{}", "", "no verb"},
    {"{\"id\":\"1\"}", "", "no verb"},
    {"{\"emitt\":{}}", "/emitt", "did you mean \"emit\""},
    {"{\"Emit\":{}}", "/Emit", "did you mean \"emit\""},
    {"{\"sokets\":{}}", "/sokets", "did you mean \"sockets\""},
    {"{\"zzz\":{}}", "/zzz", "not known"},
    {"{\"a/b~c\":{}}", "/a~1b~0c", "not known"},
    {"{\"emit\":{},\"join\":{}}", "/join", "one verb"},
    {"{\"nodes\":{},\"stats\":{}}", "/stats", "one verb"},
    {"{\"emit\":[]}", "/emit", "object"},
    {"{\"emit\":null}", "/emit", "object"},
    {"{\"emit\":7}", "/emit", "object"},
    {"{\"nodes\":true}", "/nodes", "object"},
    {"{\"id\":7,\"nodes\":{}}", "/id", "a string"},
    {"{\"id\":\"\",\"nodes\":{}}", "/id", "empty"},
    {"{\"key\":[],\"nodes\":{}}", "/key", "a string"},
    {"{\"key\":\"a\\nb\",\"nodes\":{}}", "/key", "control"},
    {"{\"nodes\":{},\"idd\":\"1\"}", "/idd", "did you mean \"id\""},
    /* members */
    {E "\"arg\":[]}}", "/emit/arg", "did you mean \"args\""},
    {E "\"acks\":true}}", "/emit/acks", "did you mean \"ack\""},
    {E "\"attachment\":[]}}", "/emit/attachment", "did you mean \"attachments\""},
    {E "\"except_\":{}}}", "/emit/except_", "did you mean \"except\""},
    {E "\"rooms\":[\"r\"]}}", "/emit/rooms", NULL},
    {E "\"of\":{}}}", "/emit/of", NULL},
    {J "\"to\":{}}}", "/join/to", NULL},
    {D "\"reconect\":true}}", "/disconnect/reconect", "did you mean \"reconnect\""},
    {U "\"expires\":1}}", "/update/expires", "did you mean \"expires_at\""},
    {"{\"nodes\":{\"namespace\":\"/\"}}", "/nodes/namespace", NULL},
    {"{\"sockets\":{\"must_exist\":true}}", "/sockets/must_exist", NULL},
    {"{\"history\":{\"group\":\"g\",\"cursor\":\"c\"}}", "/history/cursor", NULL},
    {"{\"presence\":{\"room\":\"r\",\"limit\":1}}", "/presence/limit", NULL},
    /* namespace */
    {E "\"namespace\":7}}", "/emit/namespace", "a string"},
    {E "\"namespace\":\"\"}}", "/emit/namespace", "empty"},
    {E "\"namespace\":\"/a\\u0007\"}}", "/emit/namespace", "control"},
    /* whom it is for */
    {"{\"emit\":{\"event\":\"e\"}}", "/emit/to", "is needed"},
    {"{\"join\":{\"rooms\":[\"r\"]}}", "/join/of", "is needed"},
    {"{\"disconnect\":{}}", "/disconnect/of", "is needed"},
    {"{\"update\":{\"meta\":1}}", "/update/of", "is needed"},
    {T("{}"), "/emit/to", "nobody"},
    {T("null"), "/emit/to", "object"},
    {T("\"all\""), "/emit/to", "object"},
    {T("[\"r\"]"), "/emit/to", "object"},
    {T("{\"all\":false}"), "/emit/to/all", "must be true"},
    {T("{\"all\":1}"), "/emit/to/all", "true or false"},
    {T("{\"all\":\"true\"}"), "/emit/to/all", "true or false"},
    {T("{\"all\":true,\"rooms\":[\"r\"]}"), "/emit/to/all", "alone"},
    {T("{\"all\":true,\"users\":[\"r\"]}"), "/emit/to/all", "alone"},
    {T("{\"others\":true}"), "/emit/to/others", "hook"},
    {T("{\"others\":false,\"rooms\":[\"r\"]}"), "/emit/to/others", "must be true"},
    {T("{\"room\":[\"r\"]}"), "/emit/to/room", "did you mean \"rooms\""},
    {T("{\"user\":[\"r\"]}"), "/emit/to/user", "did you mean \"users\""},
    {T("{\"sids\":[\"r\"]}"), "/emit/to/sids", NULL},
    {T("{\"rooms\":\"r\"}"), "/emit/to/rooms", "a list"},
    {T("{\"rooms\":[]}"), "/emit/to/rooms", "1 to"},
    {T("{\"rooms\":null}"), "/emit/to/rooms", "a list"},
    {T("{\"rooms\":[1]}"), "/emit/to/rooms/0", "a string"},
    {T("{\"rooms\":[\"a\",null]}"), "/emit/to/rooms/1", "a string"},
    {T("{\"rooms\":[\"a\",\"\"]}"), "/emit/to/rooms/1", "empty"},
    {T("{\"rooms\":[\"a\",\"b\",\"c\\n\"]}"), "/emit/to/rooms/2", "control"},
    {T("{\"sockets\":{}}"), "/emit/to/sockets", "a list"},
    {T("{\"sockets\":[[]]}"), "/emit/to/sockets/0", "a string"},
    {T("{\"users\":[true]}"), "/emit/to/users/0", "a string"},
    {T("{\"groups\":[\"\"]}"), "/emit/to/groups/0", "empty"},
    {E "\"except\":{}}}", "/emit/except", "nobody"},
    {E "\"except\":[]}}", "/emit/except", "object"},
    {E "\"except\":{\"all\":true}}}", "/emit/except/all", NULL},
    {E "\"except\":{\"groups\":[\"g\"]}}}", "/emit/except/groups", NULL},
    {E "\"except\":{\"sockets\":[7]}}}", "/emit/except/sockets/0", "a string"},
    {"{\"join\":{\"of\":{\"groups\":[\"g\"]},\"rooms\":[\"r\"]}}", "/join/of", "emit only"},
    {"{\"update\":{\"of\":{\"groups\":[\"g\"]},\"meta\":1}}", "/update/of", "emit only"},
    /* event */
    {"{\"emit\":{\"to\":{\"all\":true}}}", "/emit/event", "is needed"},
    {"{\"emit\":{\"to\":{\"all\":true},\"event\":7}}", "/emit/event", "a string"},
    {"{\"emit\":{\"to\":{\"all\":true},\"event\":\"\"}}", "/emit/event", "empty"},
    {"{\"emit\":{\"to\":{\"all\":true},\"event\":\"connect\"}}", "/emit/event", "own"},
    {"{\"emit\":{\"to\":{\"all\":true},\"event\":\"disconnect\"}}", "/emit/event", "own"},
    {"{\"emit\":{\"to\":{\"all\":true},\"event\":\"newListener\"}}", "/emit/event", "own"},
    /* arguments */
    {E "\"args\":{}}}", "/emit/args", "a list"},
    {E "\"args\":\"x\"}}", "/emit/args", "a list"},
    {E "\"args\":null}}", "/emit/args", "a list"},
    {E "\"attachments\":{}}}", "/emit/attachments", "a list"},
    {E "\"attachments\":[7]}}", "/emit/attachments/0", "a string"},
    {E "\"attachments\":[\"AAEC\"]}}", "/emit/attachments/0", "no placeholder"},
    {E "\"attachments\":[\"AAE\"],\"args\":[{\"_placeholder\":true,\"num\":0}]}}",
     "/emit/attachments/0", "base64"},
    {E "\"attachments\":[\"AA=C\"]}}", "/emit/attachments/0", "base64"},
    {E "\"attachments\":[\"AB==\"]}}", "/emit/attachments/0", "base64"},
    {E "\"attachments\":[\"AA==AAEC\"]}}", "/emit/attachments/0", "base64"},
    {E "\"attachments\":[\"A-_C\"]}}", "/emit/attachments/0", "base64"},
    {E "\"attachments\":[\"AAEC\\n\"]}}", "/emit/attachments/0", "base64"},
    {E "\"attachments\":[\"====\"]}}", "/emit/attachments/0", "base64"},
    {E "\"args\":[{\"_placeholder\":true,\"num\":0}]}}", "/emit/args/0", "no attachment"},
    {E "\"args\":[1,[{\"a\":{\"_placeholder\":true,\"num\":-1}}]]}}", "/emit/args/1",
     "no attachment"},
    {E "\"args\":[{\"_placeholder\":true}]}}", "/emit/args/0", "no attachment"},
    {E "\"args\":[{\"_placeholder\":true,\"num\":\"0\"}],\"attachments\":[\"\"]}}", "/emit/args/0",
     "no attachment"},
    {E "\"args\":[{\"_placeholder\":true,\"num\":0,\"x\":1}],\"attachments\":[\"\"]}}",
     "/emit/args/0", "no attachment"},
    {E "\"args\":[{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"\",\"\"]}}",
     "/emit/attachments/1", "no placeholder"},
    {E "\"attachments\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}}",
     "/emit/attachments", "at most 10"},
    /* flags and acknowledgements */
    {E "\"volatile\":1}}", "/emit/volatile", "true or false"},
    {E "\"local\":\"yes\"}}", "/emit/local", "true or false"},
    {E "\"history\":null}}", "/emit/history", "true or false"},
    {E "\"must_exist\":0}}", "/emit/must_exist", "true or false"},
    {E "\"ack\":1}}", "/emit/ack", "object"},
    {E "\"ack\":[]}}", "/emit/ack", "object"},
    {E "\"ack\":{\"timeout\":1}}}", "/emit/ack/timeout", "did you mean \"timeout_ms\""},
    {E "\"ack\":{\"timeout_ms\":0}}}", "/emit/ack/timeout_ms", "1 to"},
    {E "\"ack\":{\"timeout_ms\":60001}}}", "/emit/ack/timeout_ms", "1 to"},
    {E "\"ack\":{\"timeout_ms\":1.5}}}", "/emit/ack/timeout_ms", "integer"},
    {E "\"ack\":{\"timeout_ms\":\"5s\"}}}", "/emit/ack/timeout_ms", "integer"},
    {E "\"ack\":{\"first\":1}}}", "/emit/ack/first", "true or false"},
    {E "\"ack\":true,\"volatile\":true}}", "/emit/ack", "dropped"},
    /* groups of raw WebSockets */
    {G("\"event\":\"said\",\"args\":[\"x\"]"), "/emit/event", "message"},
    {G("\"event\":\"message\""), "/emit/args", "one string"},
    {G("\"event\":\"message\",\"args\":[]"), "/emit/args", "one string"},
    {G("\"event\":\"message\",\"args\":[1]"), "/emit/args", "one string"},
    {G("\"event\":\"message\",\"args\":[{}]"), "/emit/args", "one string"},
    {G("\"event\":\"message\",\"args\":[\"a\",\"b\"]"), "/emit/args", "one string"},
    {G("\"event\":\"message\",\"args\":[[{\"_placeholder\":true,\"num\":0}]],\"attachments\":["
       "\"\"]"),
     "/emit/args", "one string"},
    {G("\"event\":\"message\",\"args\":[\"a\"],\"ack\":true"), "/emit/ack", "acknowledge"},
    {G("\"event\":\"message\",\"args\":[\"a\"],\"must_exist\":true"), "/emit/must_exist", "groups"},
    {G("\"event\":\"message\",\"args\":[\"a\"],\"except\":{\"users\":[\"u\"]}"), "/emit/except",
     "groups"},
    {"{\"emit\":{\"to\":{\"groups\":[\"g\"],\"rooms\":[\"r\"]},\"event\":\"message\",\"args\":["
     "\"a\"]}}",
     "/emit/to", "alone"},
    /* join, leave, disconnect, update */
    {"{\"join\":{\"of\":{\"all\":true}}}", "/join/rooms", "is needed"},
    {"{\"leave\":{\"of\":{\"all\":true},\"rooms\":[]}}", "/leave/rooms", "1 to"},
    {"{\"leave\":{\"of\":{\"all\":true},\"rooms\":[\"a\",7]}}", "/leave/rooms/1", "a string"},
    {"{\"leave\":{\"of\":{\"all\":true},\"rooms\":\"a\"}}", "/leave/rooms", "a list"},
    {D "\"reconnect\":\"no\"}}", "/disconnect/reconnect", "true or false"},
    {D "\"message\":7}}", "/disconnect/message", "a string"},
    {"{\"update\":{\"of\":{\"all\":true}}}", "/update", "nothing to change"},
    {U "\"expires_at\":-1}}", "/update/expires_at", "0 to"},
    {U "\"expires_at\":\"2026-01-01\"}}", "/update/expires_at", "integer"},
    {U "\"expires_at\":null}}", "/update/expires_at", "integer"},
    {U "\"expires_at\":253402300800}}", "/update/expires_at", "0 to"},
    /* reads */
    {"{\"sockets\":{\"limit\":0}}", "/sockets/limit", "1 to 1000"},
    {"{\"sockets\":{\"limit\":1001}}", "/sockets/limit", "1 to 1000"},
    {"{\"sockets\":{\"limit\":\"10\"}}", "/sockets/limit", "integer"},
    {"{\"sockets\":{\"room\":\"r\",\"user\":\"u\"}}", "/sockets/user", "not both"},
    {"{\"sockets\":{\"count\":1}}", "/sockets/count", "true or false"},
    {"{\"sockets\":{\"cursor\":\"\"}}", "/sockets/cursor", "empty"},
    {"{\"socket\":{}}", "/socket/sid", "is needed"},
    {"{\"socket\":{\"sid\":[]}}", "/socket/sid", "a string"},
    {"{\"rooms\":{\"prefix\":7}}", "/rooms/prefix", "a string"},
    {"{\"rooms\":{\"limit\":-5}}", "/rooms/limit", "1 to 1000"},
    {"{\"presence\":{}}", "/presence/room", "is needed"},
    {"{\"presence\":{\"room\":\"r\",\"group\":\"g\"}}", "/presence/room", "not both"},
    {"{\"history\":{\"limit\":5}}", "/history/room", "is needed"},
    {"{\"history\":{\"group\":\"g\",\"reverse\":0}}", "/history/reverse", "true or false"},
    {"{\"history\":{\"group\":\"g\",\"since\":5}}", "/history/since", "a string"},
    {"{\"forget\":{}}", "/forget/room", "is needed"},
};

static void check_bad(size_t i, const char *at, const char *pointer)
{
    json_t *json = document_of(bad[i].text);
    struct yg_command *command = NULL;
    struct yg_json wrong;

    if (yg_command_parse(json, at, false, &wrong, &command) != -EINVAL)
        fail_msg("%s was taken", bad[i].text);
    if (strcmp(wrong.pointer, pointer) != 0)
        fail_msg("%s: at %s in place of %s", bad[i].text, wrong.pointer, pointer);
    if (bad[i].detail != NULL && strstr(wrong.detail, bad[i].detail) == NULL)
        fail_msg("%s: \"%s\" in place of \"%s\"", bad[i].text, wrong.detail, bad[i].detail);
    assert_string_equal(yg_problem_code(wrong.problem), "invalid");
    assert_null(command);
    json_decref(json);
}

static void test_command_bad_ones(void **state)
{
    const size_t num = sizeof(bad) / sizeof(bad[0]);

    assert_true(num >= 140);
    for (size_t i = 0; i < num; i++) {
        char pointer[160] = "/commands/3";

        check_bad(i, "", bad[i].pointer);
        strcat(pointer, bad[i].pointer);
        check_bad(i, "/commands/3", pointer);
    }
}

static void test_command_body_has_no_verb(void **state)
{
    json_t *json = document_of("{\"to\":{\"all\":true},\"evnt\":\"e\"}");
    struct yg_command *command = NULL;
    struct yg_json wrong;

    assert_int_equal(yg_command_parse_body(YG_VERB_EMIT, json, "", false, &wrong, &command),
                     -EINVAL);
    assert_string_equal(wrong.pointer, "/evnt");
    json_decref(json);
    json = document_of("{\"to\":{\"all\":true},\"event\":\"e\"}");
    assert_int_equal(yg_command_parse_body(YG_VERB_EMIT, json, "", false, &wrong, &command), 0);
    assert_string_equal(command->event, "e");
    json_decref(json);
    yg_command_free(command);
}

/* One name too many, and one byte. */
static void test_command_bounds(void **state)
{
    char name[YG_COMMAND_MAX_NAME + 2];
    json_t *names = json_array(), *json;
    struct yg_command *command = NULL;
    struct yg_json wrong;

    memset(name, 'n', sizeof(name));
    name[YG_COMMAND_MAX_NAME] = '\0';
    for (int i = 0; i < YG_COMMAND_MAX_NAMES; i++)
        json_array_append_new(names, json_string(name));
    json = json_pack("{s{s{sO}ss}}", "emit", "to", "rooms", names, "event", name);
    assert_int_equal(yg_command_parse(json, "", false, &wrong, &command), 0);
    yg_command_free(command);
    json_array_append_new(names, json_string(name));
    assert_int_equal(yg_command_parse(json, "", false, &wrong, &command), -EINVAL);
    assert_string_equal(wrong.pointer, "/emit/to/rooms");
    json_decref(json);
    name[YG_COMMAND_MAX_NAME] = 'n';
    name[YG_COMMAND_MAX_NAME + 1] = '\0';
    json = json_pack("{s{s{sb}ss}}", "emit", "to", "all", 1, "event", name);
    assert_int_equal(yg_command_parse(json, "", false, &wrong, &command), -EINVAL);
    assert_string_equal(wrong.pointer, "/emit/event");
    json_decref(json);
    json_decref(names);
}

static void test_command_out_of_memory(void **state)
{
    static const char text[] =
        "{\"emit\":{\"namespace\":\"chat\",\"to\":{\"rooms\":[\"a\"],\"users\":[\"u\"]},\"except\":"
        "{\"sockets\":[\"s\"]},\"event\":\"e\",\"args\":[{\"_placeholder\":true,\"num\":0}],"
        "\"attachments\":[\"AAEC\"],\"ack\":{\"first\":true}}}";
    json_t *json = document_of(text);
    bool again = true;

    json_set_alloc_funcs(malloc, free); /* those that fail */
    for (size_t n = 1; again; n++) {
        struct yg_command *command = NULL;
        struct yg_json wrong;
        int rc;

        failing_start(n);
        rc = yg_command_parse(json, "", false, &wrong, &command);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        assert_int_equal(command == NULL, again);
        yg_command_free(command);
        assert_int_equal(json->refcount, 1);
    }
    json_decref(json);
}

/* ---- attachments ---- */

static void test_command_attachments_go_round(void **state)
{
    uint8_t bytes[64], again[66];
    char text[YG_BASE64_CHARS(64)];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        size_t num = 99;

        yg_base64_encode(bytes, len, text);
        assert_true(yg_base64_decode(text, YG_BASE64_CHARS(len), again, &num));
        assert_int_equal(num, len);
        assert_memory_equal(again, bytes, len);
    }
}

/* ---- rights ---- */

static bool allowed(const struct yg_rights *rights, const char *text)
{
    struct yg_command *command = parse(text);
    struct yg_json wrong;
    const bool is_allowed = yg_command_is_allowed(command, rights, &wrong);

    if (!is_allowed)
        assert_string_equal(yg_problem_code(wrong.problem), "scope");
    yg_command_free(command);
    return is_allowed;
}

static void test_command_rights(void **state)
{
    const char *namespaces[] = {"/", "/c*", NULL}, *rooms[] = {"chat:*", "user:7", NULL};
    const char *any[] = {"*", NULL};
    const struct yg_rights some = {YG_SCOPE_EMIT | YG_SCOPE_READ, {namespaces, 2}, {rooms, 2}};
    const struct yg_rights wide = {YG_SCOPE_ALL, {any, 1}, {any, 1}};
    const struct yg_rights none = {YG_SCOPE_ALL, {NULL, 0}, {NULL, 0}};
    static const struct {
        const char *text;
        bool some;
    } cases[] = {
        {"{\"emit\":{\"to\":{\"rooms\":[\"chat:1\"]},\"event\":\"e\"}}", true},
        {"{\"emit\":{\"to\":{\"rooms\":[\"chat:1\",\"x\"]},\"event\":\"e\"}}", false},
        {"{\"emit\":{\"to\":{\"users\":[\"7\"]},\"event\":\"e\"}}", true},
        {"{\"emit\":{\"to\":{\"users\":[\"8\"]},\"event\":\"e\"}}", false},
        {"{\"emit\":{\"to\":{\"sockets\":[\"sid\"]},\"event\":\"e\"}}", false},
        {"{\"emit\":{\"to\":{\"all\":true},\"event\":\"e\"}}", false},
        {"{\"emit\":{\"namespace\":\"/cc\",\"to\":{\"users\":[\"7\"]},\"event\":\"e\"}}", true},
        {"{\"emit\":{\"namespace\":\"/d\",\"to\":{\"users\":[\"7\"]},\"event\":\"e\"}}", false},
        {"{\"join\":{\"of\":{\"rooms\":[\"chat:1\"]},\"rooms\":[\"chat:2\"]}}", false},
        {"{\"disconnect\":{\"of\":{\"rooms\":[\"chat:1\"]}}}", false},
        {"{\"sockets\":{}}", false},
        {"{\"sockets\":{\"room\":\"chat:1\"}}", true},
        {"{\"sockets\":{\"user\":\"7\"}}", true},
        {"{\"sockets\":{\"user\":\"8\"}}", false},
        {"{\"socket\":{\"sid\":\"s\"}}", false},
        {"{\"rooms\":{\"prefix\":\"chat:\"}}", false},
        {"{\"presence\":{\"room\":\"chat:1\"}}", true},
        {"{\"history\":{\"group\":\"chat:1\"}}", true},
        {"{\"history\":{\"group\":\"else\"}}", false},
        {"{\"forget\":{\"group\":\"chat:1\"}}", false},
        {"{\"nodes\":{}}", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (allowed(&some, cases[i].text) != cases[i].some)
            fail_msg("%s", cases[i].text);
        assert_true(allowed(&wide, cases[i].text));
        assert_true(allowed(NULL, cases[i].text));
    }
    assert_false(allowed(&none, cases[0].text));
    assert_int_equal(yg_scope_find("admin"), YG_SCOPE_ADMIN);
    assert_int_equal(yg_scope_find("root"), 0);
}

static void test_command_patterns(void **state)
{
    assert_true(yodel_pattern_fits("*", YODEL_STR("")));
    assert_true(yodel_pattern_fits("a*b*c", YODEL_STR("aXbYbZc")));
    assert_false(yodel_pattern_fits("a*b*c", YODEL_STR("aXbYbZ")));
    assert_false(yodel_pattern_fits("", YODEL_STR("a")));
    assert_true(yodel_pattern_fits("", YODEL_STR("")));
    assert_true(yodel_pattern_fits("a**", YODEL_STR("a")));
    assert_false(yodel_pattern_fits("chat:*", YODEL_STR("chat")));
    assert_false(yodel_pattern_fits("a", YODEL_STR("a\0b")));
    assert_true(yodel_pattern_fits("a*b", YODEL_STR("a\0b")));
    assert_true(yodel_pattern_fits("a*", (yodel_str){"ab", 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_emit),
        cmocka_unit_test(test_command_defaults),
        cmocka_unit_test(test_command_of_the_sender),
        cmocka_unit_test(test_command_good_ones),
        cmocka_unit_test(test_command_bad_ones),
        cmocka_unit_test(test_command_body_has_no_verb),
        cmocka_unit_test(test_command_bounds),
        cmocka_unit_test(test_command_out_of_memory),
        cmocka_unit_test(test_command_attachments_go_round),
        cmocka_unit_test(test_command_rights),
        cmocka_unit_test(test_command_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
