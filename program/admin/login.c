/* SPDX-License-Identifier: MIT */
#include "admin/login.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>
#include <yodel/loop.h>

#include "base/clock.h"
#include "token/password.h"

#define MAX_CHECKS 16      /* passwords that wait */
#define MAX_SESSION_ID 128 /* bytes of what a page shows */
#define MAX_ADDRESS 80

/* The page compares this text, and opens its form. */
static const char wrong[] = "invalid credentials";

/* Somebody who has to wait. */
struct attempt {
    struct yg_admin *admin;
    struct yg_viewer *viewer;
    yodel_decision *decision;
    char address[MAX_ADDRESS];
    char username[65], password_hash[YG_PASSWORD_HASH_SIZE];
    bool is_user;
    size_t len;
    char password[YG_PASSWORD_MAX + 1]; /* wiped */
};

static void free_attempt(void *arg)
{
    struct attempt *attempt = arg;

    yodel_decision_unref(attempt->decision);
    yg_viewer_unref(attempt->viewer);
    OPENSSL_cleanse(attempt, sizeof(*attempt));
    free(attempt);
}

static void tell(struct yg_admin *admin, enum yg_admin_event event, yodel_str address,
                 const char *text)
{
    yg_admin_count_one(event == YG_ADMIN_LOGIN ? &admin->counts.logins : &admin->counts.refused);
    admin->options.log(event, address, text, admin->options.user);
}

static int refuse(struct yg_admin *admin, yodel_sio_socket *socket, const char *message)
{
    if (strcmp(message, wrong) != 0)
        tell(admin, YG_ADMIN_REFUSED, yodel_sio_socket_peer(socket), message);
    return yodel_sio_socket_refuse(socket, message, NULL);
}

/* NULL: there is no memory; on_connect of the page is told no more. */
static struct attempt *begin(struct yg_admin *admin, yodel_sio_socket *socket)
{
    const yodel_str peer = yodel_sio_socket_peer(socket);
    struct attempt *attempt = calloc(1, sizeof(*attempt));

    if (attempt == NULL)
        return NULL;
    attempt->admin = admin;
    attempt->viewer = yg_viewer_ref(yodel_sio_socket_data(socket));
    snprintf(attempt->address, sizeof(attempt->address), "%.*s", (int)peer.len, peer.ptr);
    attempt->decision = yodel_sio_socket_defer(socket);
    if (attempt->decision == NULL) {
        free_attempt(attempt);
        return NULL;
    }
    return attempt;
}

static void accept(struct attempt *attempt, const char *how)
{
    const yodel_str address = yodel_str_of(attempt->address);

    yg_guesses_return(&attempt->admin->guesses, address);
    tell(attempt->admin, YG_ADMIN_LOGIN, address, how);
    (void)yodel_decision_accept(attempt->decision, NULL);
}

static void deny(struct attempt *attempt, const char *why)
{
    tell(attempt->admin, YG_ADMIN_REFUSED, yodel_str_of(attempt->address), why);
    (void)yodel_decision_refuse(attempt->decision, wrong, NULL);
}

static const struct yg_admin_config *present(const struct yg_admin *admin,
                                             const yodel_sio_socket *socket)
{
    return admin->options.present(yodel_sio_socket_loop(socket), admin->options.user);
}

/* ---- sessions ---- */

static int ask_redis(struct yg_admin *admin, const char *hash, bool keeps, yodel_redis_reply_fn *fn,
                     struct attempt *attempt)
{
    char key[200], ttl[20];
    const yodel_str get[] = {YODEL_STR("GET"), {key, 0}};
    const yodel_str set[] = {
        YODEL_STR("SET"), {key, 0}, YODEL_STR("true"), YODEL_STR("PX"), {ttl, 0}};
    yodel_str words[5];
    const size_t num = keeps ? 5 : 2;

    snprintf(key, sizeof(key), "%s:admin:session:%s", admin->options.prefix, hash);
    snprintf(ttl, sizeof(ttl), "%u", YG_SESSION_MS);
    memcpy(words, keeps ? set : get, num * sizeof(words[0]));
    words[1] = yodel_str_of(key);
    if (keeps)
        words[4] = yodel_str_of(ttl);
    return yodel_redis_command(admin->options.redis, num, words, fn, attempt,
                               attempt != NULL ? free_attempt : NULL);
}

static void on_session(const yodel_redis_reply *reply, void *user)
{
    struct attempt *attempt = user;

    if (reply != NULL && yodel_redis_reply_type(reply) == YODEL_REDIS_STRING)
        accept(attempt, "by a session");
    else
        deny(attempt, "an unknown session");
}

static int check_session(struct yg_admin *admin, yodel_sio_socket *socket, yodel_str id)
{
    const struct yg_admin_config *now = present(admin, socket);
    char hash[YG_SESSION_HASH_SIZE];
    struct attempt *attempt;

    if (id.len > MAX_SESSION_ID)
        return refuse(admin, socket, wrong);
    yg_session_hash(id, now->username, now->password_hash, hash);
    if (yg_sessions_has(&admin->sessions, hash, yg_clock_ms())) {
        tell(admin, YG_ADMIN_LOGIN, yodel_sio_socket_peer(socket), "by a session");
        return 0;
    }
    if (!yg_guesses_take(&admin->guesses, yodel_sio_socket_peer(socket), yg_clock_ms()))
        return refuse(admin, socket, "too many attempts: wait a minute");
    if (admin->options.redis == NULL || yodel_redis_state(admin->options.redis) != YODEL_REDIS_UP) {
        tell(admin, YG_ADMIN_REFUSED, yodel_sio_socket_peer(socket), "an unknown session");
        return refuse(admin, socket, wrong);
    }
    attempt = begin(admin, socket);
    if (attempt == NULL)
        return -ENOMEM;
    /* What was given is freed when that fails, which refuses. */
    return ask_redis(admin, hash, false, on_session, attempt) < 0 ? -EAGAIN : YODEL_DEFER;
}

/* The page is told of it behind the answer to its CONNECT: what comes ahead of that it loses. */
static void keep_session(struct attempt *attempt)
{
    struct yg_admin *admin = attempt->admin;
    char hash[YG_SESSION_HASH_SIZE];

    if (yg_session_make(attempt->viewer->session) < 0)
        return;
    yg_session_hash(yodel_str_of(attempt->viewer->session), attempt->username,
                    attempt->password_hash, hash);
    yg_sessions_add(&admin->sessions, hash, yg_clock_ms());
    if (admin->options.redis != NULL)
        (void)ask_redis(admin, hash, true, NULL, NULL);
}

/* ---- passwords ---- */

/* On a thread that may block.  An unknown user takes as long. */
static int check(void *arg)
{
    struct attempt *attempt = arg;
    const bool matches =
        yg_password_matches(attempt->password, attempt->len, attempt->password_hash);

    return matches && attempt->is_user;
}

static void on_checked(yodel_loop *loop, int result, void *arg)
{
    struct attempt *attempt = arg;

    (void)loop;
    atomic_fetch_sub(&attempt->admin->num_checks, 1);
    if (result < 0)
        return; /* the server stops */
    if (result == 1) {
        keep_session(attempt);
        accept(attempt, "by password");
    } else {
        deny(attempt, "a wrong user or password");
    }
}

static bool is_user(const struct attempt *attempt, const json_t *name)
{
    const size_t len = strlen(attempt->username);

    return json_string_length(name) == len &&
           CRYPTO_memcmp(json_string_value(name), attempt->username, len) == 0;
}

/* What can be none is checked as another one, and takes as long. */
static bool can_be_password(const json_t *password)
{
    const size_t len = json_string_length(password);

    return len > 0 && len <= YG_PASSWORD_MAX && strlen(json_string_value(password)) == len;
}

static int check_password(struct yg_admin *admin, yodel_sio_socket *socket, const json_t *name,
                          const json_t *password)
{
    const struct yg_admin_config *now = present(admin, socket);
    struct attempt *attempt;
    int rc;

    if (!yg_guesses_take(&admin->guesses, yodel_sio_socket_peer(socket), yg_clock_ms()))
        return refuse(admin, socket, "too many attempts: wait a minute");
    if (atomic_load(&admin->num_checks) >= MAX_CHECKS)
        return refuse(admin, socket, "too many attempts at once: try again");
    attempt = begin(admin, socket);
    if (attempt == NULL)
        return -ENOMEM;
    snprintf(attempt->username, sizeof(attempt->username), "%s", now->username);
    snprintf(attempt->password_hash, sizeof(attempt->password_hash), "%s", now->password_hash);
    attempt->is_user = is_user(attempt, name) && can_be_password(password);
    attempt->len = attempt->is_user ? json_string_length(password) : 1;
    memcpy(attempt->password, attempt->is_user ? json_string_value(password) : "x", attempt->len);
    atomic_fetch_add(&admin->num_checks, 1);
    rc = yodel_loop_work(yodel_sio_socket_loop(socket), admin, check, on_checked, attempt,
                         free_attempt);
    if (rc < 0)
        atomic_fetch_sub(&admin->num_checks, 1);
    return rc < 0 ? rc : YODEL_DEFER;
}

/* ---- the middleware ---- */

static void unref_viewer(void *data)
{
    yg_viewer_unref(data);
}

static int make_viewer(struct yg_admin *admin, yodel_sio_socket *socket)
{
    const yodel_str id = yodel_sio_socket_id(socket);
    struct yg_viewer *viewer = calloc(1, sizeof(*viewer));

    if (viewer == NULL)
        return -ENOMEM;
    viewer->admin = admin;
    atomic_init(&viewer->refs, 1);
    snprintf(viewer->id, sizeof(viewer->id), "%.*s", (int)id.len, id.ptr);
    yodel_sio_socket_set_data(socket, viewer, unref_viewer);
    return 0;
}

int yg_login(yodel_sio_socket *socket, void *user)
{
    struct yg_admin *admin = user;
    const json_t *auth = yodel_sio_socket_auth(socket);
    const json_t *session = json_object_get(auth, "sessionId");
    const json_t *name = json_object_get(auth, "username");
    const json_t *password = json_object_get(auth, "password");
    int rc;

    if (!admin->options.serves(socket, admin->options.user))
        return yodel_sio_socket_refuse(socket, "Invalid namespace", NULL);
    if (atomic_load(&admin->counts.pages) >= YG_ADMIN_PAGES)
        return refuse(admin, socket, "too many pages look already");
    if ((rc = make_viewer(admin, socket)) < 0)
        return rc;
    if (json_is_string(session))
        return check_session(admin, socket,
                             (yodel_str){json_string_value(session), json_string_length(session)});
    if (json_is_string(name) && json_is_string(password))
        return check_password(admin, socket, name, password);
    return refuse(admin, socket, wrong);
}
