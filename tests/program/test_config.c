/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "config/load.h"
#include "failing.h"

/* ---- help ---- */

struct folder {
    char path[64];
};

static int setup(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    if (folder == NULL)
        return -1;
    strcpy(folder->path, "yodel-test-XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    *state = folder;
    return 0;
}

static const char *const file_names[] = {"yodel.yaml",       "conf.d/10.yaml", "conf.d/20.yaml",
                                         "conf.d/pipe.yaml", "secret",         "conf.d"};

static int teardown(void **state)
{
    struct folder *folder = *state;
    char path[200];

    for (size_t i = 0; i < sizeof(file_names) / sizeof(file_names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder->path, file_names[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
    rmdir(folder->path);
    free(folder);
    return 0;
}

static const char *write_file(void **state, const char *name, const char *text)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/conf.d", ((struct folder *)*state)->path);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/%s", ((struct folder *)*state)->path, name);
    unlink(path);
    assert_int_equal(yg_file_create(path, text, strlen(text)), 0);
    return path;
}

static void make_pipe(void **state, const char *name)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/%s", ((struct folder *)*state)->path, name);
    assert_int_equal(mkfifo(path, 0600), 0);
}

/* What was reported, a line each. */
static void print_report(const struct yg_report *report)
{
    struct yg_text text = {0};

    yg_report_put(&text, report);
    print_message("%s", yg_text_string(&text));
    yg_text_done(&text);
}

static const struct yg_config *load(const struct yg_load *load)
{
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;

    if (yg_config_load(load, &report, &config) < 0)
        print_report(&report);
    yg_arena_clear(&arena);
    assert_non_null(config);
    return config;
}

static const struct yg_config *read_text(const char *text)
{
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;

    if (yg_config_read(text, strlen(text), "test.yaml", false, &report, &config) < 0)
        print_report(&report);
    yg_arena_clear(&arena);
    assert_non_null(config);
    return config;
}

/* Loads what must fail, and finds the text in the report. */
static void assert_refused(const struct yg_load *wrong, const char *expected)
{
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;
    struct yg_text text = {0};

    assert_int_equal(yg_config_load(wrong, &report, &config), -EINVAL);
    assert_null(config);
    yg_report_put(&text, &report);
    if (strstr(yg_text_string(&text), expected) == NULL)
        fail_msg("\"%s\" is not in: %s", expected, yg_text_string(&text));
    yg_text_done(&text);
    yg_arena_clear(&arena);
}

/* ---- values ---- */

static void test_config_defaults(void **state)
{
    const struct yg_config *config = load(&(struct yg_load){0});

    assert_int_equal(config->listen.num, 2);
    assert_string_equal(config->listen.items[0].address, "localhost:8000");
    assert_int_equal(config->listen.items[0].serve, YG_SERVE_CLIENTS);
    assert_int_equal(config->listen.items[1].serve,
                     YG_SERVE_API | YG_SERVE_METRICS | YG_SERVE_HEALTH | YG_SERVE_ADMIN);
    assert_int_equal(config->limits.handshake_ms, 10000);
    assert_int_equal(config->limits.message_bytes, 1 << 20);
    assert_int_equal(config->limits.connections, 0);
    assert_int_equal(config->limits.on_slow, YG_SLOW_CLOSE);
    assert_string_equal(config->socketio.path, "/socket.io/");
    assert_int_equal(config->namespaces.num, 1);
    assert_string_equal(config->namespaces.items[0].name, "/");
    assert_int_equal(config->namespaces.items[0].auth, YG_AUTH_NONE);
    assert_int_equal(config->auth.jwt.algorithms, YG_ALG_HS256);
    assert_int_equal(config->auth.jwt.sources.num, 3);
    assert_string_equal(config->auth.jwt.sources.items[2], "cookie:yodel_token");
    assert_true(config->auth.jwt.require_exp);
    assert_int_equal(config->api.body_bytes, 4 << 20);
    assert_int_equal(config->log.repeat.count, 10);
    assert_int_equal(config->log.repeat.per_ms, 1000);
    assert_int_equal(config->shutdown.code, 1001);
    assert_string_equal(config->server.id, "");
    yg_config_unref(config);
}

static const char everything[] =
    "server: {id: n1, loops: 3, backend: libuv}\n"
    "listen:\n"
    "  - {name: public, address: \"[::]:8000\", serve: [clients], trusted_proxies: [10.0.0.0/8],\n"
    "     proxy_protocol: true, tls: {cert: [a.pem], key: [/b.pem], min: \"1.3\"}}\n"
    "  - {name: internal, address: unix:/run/yodel/api.sock, serve: [api, health], mode: 0660,\n"
    "     group: www-data}\n"
    "limits: {connections: 10, connect_rate: 20/m, message: 2KiB, messages: 100/s}\n"
    "namespaces:\n"
    "  - {name: /chat, webhook: main, relay: [{event: typing}, {event: x, to: namespace}]}\n"
    "rooms: [{match: \"chat:*\", presence: true, history: {size: 100, ttl: 2d}}]\n"
    "auth:\n"
    "  methods: [jwt, webhook]\n"
    "  jwt:\n"
    "    keys: [{kid: a, secret: 0123456789abcdef0123456789abcdef}]\n"
    "webhooks:\n"
    "  - name: main\n"
    "    url: http://127.0.0.1:5000/yodel\n"
    "    secret: no-secret-of-anybody-at-all\n"
    "    headers: {X-One: \"1\", X-Two: no}\n"
    "    queue: {bytes: 128MiB}\n"
    "    retry: {for: 10m}\n";

static void test_config_everything(void **state)
{
    const struct yg_config *config = read_text(everything);
    const struct yg_listen *listen = config->listen.items;
    const struct yg_webhook *hook = yg_config_webhook(config, "main");

    assert_int_equal(config->server.loops, 3);
    assert_int_equal(config->server.backend, YG_BACKEND_LIBUV);
    assert_string_equal(listen[0].tls.key.items[0], "/b.pem");
    assert_int_equal(listen[0].tls.min, YG_TLS_1_3);
    assert_int_equal(listen[1].mode, 0660);
    assert_int_equal(config->limits.connect_rate.per_ms, 60000);
    assert_int_equal(config->namespaces.items[0].relay.num, 2);
    assert_int_equal(config->namespaces.items[0].relay.items[1].to, YG_RELAY_NAMESPACE);
    assert_int_equal(config->rooms.items[0].history.ttl_ms, 2 * 86400 * 1000);
    assert_int_equal(config->auth.methods, YG_METHOD_JWT | YG_METHOD_WEBHOOK);
    assert_non_null(hook);
    assert_string_equal(hook->headers.items[1].value, "no");
    assert_int_equal(hook->retry.for_ms, 600000);
    assert_int_equal(hook->queue.events, 10000);
    assert_int_equal(hook->queue.bytes, 128 << 20);
    assert_null(yg_config_webhook(config, "other"));
    assert_ptr_equal(yg_config_ref(config), config);
    yg_config_unref(config);
    yg_config_unref(config);
    yg_config_unref(NULL);
}

/* A scalar is what its option says: no is a text, and 1.2 a word. */
static void test_config_scalars_by_type(void **state)
{
    const struct yg_config *config =
        read_text("namespaces: [{name: /, auth: none}]\n"
                  "redis: {prefix: no}\n"
                  "auth: {jwt: {issuer: 012, audience: null, user_claim: true}}\n"
                  "listen: [{name: 1, address: \"*:0\", tls: {min: 1.2}}]\n");

    assert_string_equal(config->redis.prefix, "no");
    assert_string_equal(config->auth.jwt.issuer, "012");
    assert_string_equal(config->auth.jwt.audience, "null");
    assert_string_equal(config->auth.jwt.user_claim, "true");
    assert_string_equal(config->listen.items[0].name, "1");
    assert_int_equal(config->listen.items[0].tls.min, YG_TLS_1_2);
    yg_config_unref(config);
}

static void test_config_json_is_yaml(void **state)
{
    const struct yg_config *config = read_text(
        "{\"namespaces\": [{\"name\": \"/\", \"auth\": \"none\"}], \"limits\": {\"queue\": "
        "\"2MiB\"}}");

    assert_int_equal(config->limits.queue_bytes, 2 << 20);
    yg_config_unref(config);
}

/* As editors of Windows write them: a byte order mark, and CR LF. */
static void test_config_byte_order_mark(void **state)
{
    const struct yg_config *config =
        read_text("\xef\xbb\xbfnamespaces: [{name: /, auth: none}]\r\nlog: {level: warn}\r\n");

    assert_int_equal(config->log.level, YG_LOG_WARN);
    yg_config_unref(config);
}

/* ---- layers ---- */

static void test_config_layers(void **state)
{
    char *env[] = {"HOME=/",
                   "YODEL_CONFIG=x",
                   "YODEL_LIMITS__QUEUE=3MiB",
                   "YODEL_LISTEN__PUBLIC__ADDRESS=*:81",
                   "YODEL_CLIENTS__ORIGINS=[same, \"*\"]",
                   "YODEL_LOG__LEVEL=warn",
                   NULL};
    const char *sets[] = {"limits.queue=4MiB", "listen.1.mode=0600", "webhooks.main.timeout=7s",
                          "rooms.0.match=a*", "namespaces./b.auth=none"};
    const struct yg_config *config;
    char path[200];

    write_file(state, "conf.d/20.yaml", "limits: {queue: 2MiB, message: 5KiB}\n");
    write_file(state, "conf.d/10.yaml",
               "limits: {message: 4KiB, name_bytes: 100}\n"
               "webhooks: [{name: main, timeout: 6s}, {name: second, url: \"http://b/\"}]\n");
    strcpy(path, write_file(state, "yodel.yaml",
                            "include: [conf.d/*.yaml]\n"
                            "limits: {queue: 1MiB, message: 3KiB, rooms_per_socket: 9}\n"
                            "listen: [{name: public, address: \"*:80\"},\n"
                            "         {name: i, address: unix:/x, serve: [api]}]\n"
                            "namespaces: [{name: /, auth: none, webhook: main}]\n"
                            "webhooks: [{name: main, url: \"http://a/\"}]\n"));
    config = load(&(struct yg_load){.path = path, .env = env, .sets = sets, .num_sets = 5});
    assert_int_equal(config->limits.queue_bytes, 4 << 20);
    assert_int_equal(config->limits.message_bytes, 5 << 10);
    assert_int_equal(config->limits.name_bytes, 100);
    assert_int_equal(config->limits.rooms_per_socket, 9);
    assert_string_equal(config->listen.items[0].address, "*:81");
    assert_int_equal(config->listen.items[1].mode, 0600);
    assert_int_equal(config->webhooks.num, 2);
    assert_string_equal(config->webhooks.items[0].url, "http://a/");
    assert_int_equal(config->webhooks.items[0].timeout_ms, 7000);
    assert_string_equal(config->rooms.items[0].match, "a*");
    assert_string_equal(config->namespaces.items[1].name, "/b");
    assert_int_equal(config->clients.origins.num, 2);
    assert_int_equal(config->log.level, YG_LOG_WARN);
    yg_config_unref(config);
}

/* A part of a list that has a default leaves the rest of it. */
static void test_config_sets_in_defaults(void **state)
{
    const char *sets[] = {"listen.public.address=*:9000", "listen.extra.address=*:9001"};
    const struct yg_config *config = load(&(struct yg_load){.sets = sets, .num_sets = 2});

    assert_int_equal(config->listen.num, 3);
    assert_string_equal(config->listen.items[0].address, "*:9000");
    assert_string_equal(config->listen.items[1].address, "localhost:8001");
    assert_string_equal(config->listen.items[2].name, "extra");
    yg_config_unref(config);
}

static void refuse_set(const char *set, const char *expected)
{
    assert_refused(&(struct yg_load){.sets = &set, .num_sets = 1}, expected);
}

static void test_config_wrong_sets(void **state)
{
    char *env[] = {"YODEL_LIMTS__QUEUE=1MiB", NULL};

    refuse_set("limits.queue", "--set limits.queue: error: write KEY=VALUE");
    refuse_set("limits.queu=1MiB",
               "--set limits.queu: error: unknown key \"queu\" (did you mean \"queue\"?)");
    refuse_set("limits.queue=1", "error: limits.queue: \"1\" has no unit: write a size");
    refuse_set("limits.queue.x=1", "error: this option has no parts");
    refuse_set("limits..queue=1", "error: not the name of an option");
    refuse_set("=1", "error: not the name of an option");
    refuse_set("listen.7.address=*:1", "error: there is no such item in the list");
    refuse_set("listen.0=x", "error: which option of it?");
    refuse_set("clients.origins=same", "clients.origins: must be a list of texts");
    refuse_set("clients.origins=[a", "--set clients.origins: error: ");
    refuse_set("limits=3", "limits: must be a map, not a single value");
    refuse_set("a.b.c.d.e.f.g.h.i.j=1", "error: not the name of an option");
    assert_refused(&(struct yg_load){.env = env},
                   "environment YODEL_LIMTS__QUEUE: error: unknown key \"limts\" (did you mean "
                   "\"limits\"?)");
}

static void test_config_secret_files(void **state)
{
    const char *set = "auth.jwt.issuer=outer";
    const struct yg_config *config;
    char path[200], secret[200];

    write_file(state, "conf.d/10.yaml", "webhooks: [{name: main, secret_file: ../secret}]\n");
    strcpy(secret, write_file(state, "secret", "one-secret-of-24-bytes-and-more\n"));
    strcpy(path, write_file(state, "yodel.yaml",
                            "include: [conf.d/10.yaml]\n"
                            "namespaces: [{name: /, auth: none, webhook: main}]\n"
                            "auth: {jwt: {issuer_file: secret}}\n"
                            "webhooks: [{name: main, url: \"http://a/\", secret: in-the-file}]\n"));
    config = load(&(struct yg_load){.path = path, .sets = &set, .num_sets = 1});
    assert_string_equal(config->webhooks.items[0].secret, "one-secret-of-24-bytes-and-more");
    assert_string_equal(config->auth.jwt.issuer, "outer");
    assert_int_equal(yg_config_place(config, "webhooks.main.secret").column, 38);
    assert_string_equal(yg_config_place(config, "auth.jwt.issuer").source, "--set auth.jwt.issuer");
    yg_config_unref(config);
    chmod(secret, 0644);
    assert_refused(&(struct yg_load){.path = path},
                   "conf.d/10.yaml:1:38: error: webhooks[0].secret_file: ../secret: others may "
                   "read or write it");
    strcpy(path, write_file(state, "yodel.yaml",
                            "namespaces: [{name: /, auth: none, webhook: main}]\n"
                            "webhooks: [{name: main, url: \"http://a/\", secret_file: none,\n"
                            "            secret: x}]\n"));
    assert_refused(&(struct yg_load){.path = path},
                   "2:43: error: webhooks[0].secret_file: \"secret\" is set, too");
}

/* ---- places ---- */

static void assert_place(const struct yg_config *config, const char *path, const char *expected)
{
    const struct yg_place place = yg_config_place(config, path);
    struct yg_text text = {0};

    yg_place_put(&text, &place);
    assert_string_equal(yg_text_string(&text), expected);
    yg_text_done(&text);
}

static void test_config_places(void **state)
{
    static const char file[] = "namespaces: [{name: /, auth: none}, {name: /a.b, auth: none}]\n"
                               "listen:\n"
                               "  - {name: a, address: \"*:1\"}\n"
                               "  - name: a.tls\n"
                               "    address: \"*:2\"\n"
                               "api: {unix_users: [root, daemon]}\n";
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;

    (void)state;
    assert_int_equal(yg_config_read(file, sizeof(file) - 1, "f", false, &report, &config), 0);
    assert_place(config, "listen.a.address", "f:3:24");
    assert_place(config, "listen[0].address", "f:3:24");
    assert_place(config, "listen.a.owner", "f:3:5");
    assert_place(config, "listen.a.tls.address", "f:5:14");
    assert_place(config, "listen[1].owner", "f:4:5");
    assert_place(config, "listen.b.address", "f:3:3");
    assert_place(config, "listen[7].address", "f:3:3");
    assert_place(config, "listen[", "f:3:3");
    assert_place(config, "namespaces./a.b.auth", "f:1:56");
    assert_place(config, "api.unix_users[1].x", "f:6:26");
    assert_place(config, "api.", "f:6:6");
    assert_place(config, "redis.url", "default");
    assert_place(config, "loops", "default");
    assert_place(config, "", "default");
    yg_config_unref(config);
    yg_arena_clear(&arena);
}

static void test_config_includes(void **state)
{
    char path[200];

    write_file(state, "conf.d/10.yaml", "include: [x]\n");
    strcpy(path, write_file(state, "yodel.yaml", "include: [conf.d/10.yaml]\n"));
    assert_refused(&(struct yg_load){.path = path},
                   "10.yaml:1:1: error: include: a file that is included cannot include others");
    strcpy(path, write_file(state, "yodel.yaml", "include: [none.yaml]\n"));
    assert_refused(&(struct yg_load){.path = path},
                   "yodel.yaml:1:11: error: include: none.yaml: there is no such file");
    strcpy(path, write_file(state, "yodel.yaml", "include: [conf.d/pipe.yaml]\n"));
    make_pipe(state, "conf.d/pipe.yaml"); /* nobody writes to it: the file must not be waited for */
    assert_refused(&(struct yg_load){.path = path},
                   "pipe.yaml: error: cannot be read: it is no ordinary file");
    assert_refused(&(struct yg_load){.path = "no/such.yaml"},
                   "no/such.yaml: error: cannot be read: ");
}

static void test_config_lax(void **state)
{
    static const char text[] = "nonsense: 1\nlog: {level: info}\nlog: {level: warn}\n"
                               "namespaces: [{name: /, auth: none}]\n";
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;

    assert_int_equal(yg_config_read(text, sizeof(text) - 1, "t", true, &report, &config), 0);
    assert_int_equal(report.num_warnings, 2);
    assert_int_equal(config->log.level, YG_LOG_WARN);
    yg_config_unref(config);
    yg_arena_clear(&arena);
}

/* ---- comparing ---- */

static void note_change(const char *path, const struct yg_option *option, void *user)
{
    yg_text_printf(user, "%s%s ", path, (option->flags & YG_LIVE) != 0 ? "" : "!");
}

static void test_config_compare(void **state)
{
    const struct yg_config *before = read_text(everything), *after;
    struct yg_text changed = {0}, text = {0};

    yg_config_compare(before, before, note_change, &changed);
    assert_int_equal(changed.len, 0);
    yg_text_puts(&text, everything);
    yg_text_puts(&text, "  - {name: second, url: \"http://b/\"}\n"
                        "log: {level: debug}\nclients: {origins: [same, \"*\"]}\n");
    memcpy(strstr(text.ptr, "for: 10m"), "for: 11m", 8);
    memcpy(strstr(text.ptr, "[::]:8000"), "[::]:8001", 9);
    after = read_text(text.ptr);
    yg_config_compare(before, after, note_change, &changed);
    assert_string_equal(changed.ptr, "listen.public.address! clients.origins! "
                                     "webhooks.main.retry.for webhooks.second log.level ");
    yg_config_unref(before);
    yg_config_unref(after);
    yg_text_done(&changed);
    yg_text_done(&text);
}

/* ---- memory ---- */

static void test_config_out_of_memory(void **state)
{
    char *env[] = {"YODEL_LIMITS__QUEUE=3MiB", NULL};
    const char *sets[] = {"clients.origins=[same]", "webhooks.new.url=http://x/"};
    bool has_failed = true;
    char path[200];

    write_file(state, "conf.d/10.yaml", "log: {level: warn}\n");
    write_file(state, "secret", "one-secret-of-24-bytes-and-more\n");
    strcpy(path, write_file(state, "yodel.yaml",
                            "include: [conf.d/*.yaml]\n"
                            "namespaces: [{name: /, auth: none, webhook: main}]\n"
                            "webhooks: [{name: main, url: \"http://a/\", secret_file: secret,\n"
                            "            ca: x.pem}]\n"));
    for (size_t n = 1; has_failed; n++) {
        struct yg_arena arena = {0};
        struct yg_report report = {.arena = &arena};
        const struct yg_config *config = NULL;
        int rc;

        failing_start(n);
        rc =
            yg_config_load(&(struct yg_load){.path = path, .env = env, .sets = sets, .num_sets = 2},
                           &report, &config);
        has_failed = failing_stop();
        assert_int_equal(rc, has_failed ? -ENOMEM : 0);
        assert_int_equal(config == NULL, has_failed);
        yg_config_unref(config);
        yg_arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_defaults),
        cmocka_unit_test(test_config_everything),
        cmocka_unit_test(test_config_scalars_by_type),
        cmocka_unit_test(test_config_json_is_yaml),
        cmocka_unit_test_setup_teardown(test_config_layers, setup, teardown),
        cmocka_unit_test(test_config_sets_in_defaults),
        cmocka_unit_test(test_config_wrong_sets),
        cmocka_unit_test_setup_teardown(test_config_secret_files, setup, teardown),
        cmocka_unit_test(test_config_byte_order_mark),
        cmocka_unit_test_setup_teardown(test_config_includes, setup, teardown),
        cmocka_unit_test(test_config_places),
        cmocka_unit_test(test_config_lax),
        cmocka_unit_test(test_config_compare),
        cmocka_unit_test_setup_teardown(test_config_out_of_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
