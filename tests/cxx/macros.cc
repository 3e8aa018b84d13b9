/* SPDX-License-Identifier: MIT */
/* Every public macro that makes something, used from C++ and checked when it runs. */
#include <stdio.h>
#include <string.h>
#include <yodel/sio.h>
#include <yodel/version.h>
#include <yodel/yodel.h>

static int failures;

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "failed: %s\n", what);
        failures++;
    }
}

#define CHECK(condition) check(condition, #condition)

static unsigned loops_of(const yodel_server_options *options)
{
    return options->size == sizeof *options && options->backend == YODEL_BACKEND_AUTO &&
                   options->max_body == 0
               ? options->loops
               : 0;
}

static size_t count(const char *const *rooms)
{
    size_t num = 0;

    while (rooms[num] != NULL)
        num++;
    return num;
}

static bool is_second(const char *const *rooms, const char *name)
{
    return strcmp(rooms[1], name) == 0;
}

YODEL_C_BEGIN
int yodel_cxx_function(void);
YODEL_C_END

int yodel_cxx_function(void)
{
    return YODEL_ACCEPT;
}

static void check_values()
{
    yodel_str text = YODEL_STR("text");
    char line[100];

    CHECK(text.len == 4 && memcmp(text.ptr, "text", 4) == 0);
    snprintf(line, sizeof line, "<%" YODEL_PRI ">", YODEL_ARG(text));
    CHECK(strcmp(line, "<text>") == 0);
    CHECK(YODEL_ERR_CLOSED == -5001);
#define CHECK_NAME(name, value, words) CHECK(strcmp(yodel_strerror(value), words) == 0);
    YODEL_ERROR_MAP(CHECK_NAME)
    CHECK(YODEL_VERSION_NUMBER ==
          (YODEL_VERSION_MAJOR << 16 | YODEL_VERSION_MINOR << 8 | YODEL_VERSION_PATCH));
    CHECK(strlen(YODEL_VERSION) > 0);
    CHECK(YODEL_GROUP_NAME_MAX == 255 && YODEL_DEFER == 1);
    CHECK((YODEL_SIO_POLLING | YODEL_SIO_WEBSOCKET) == 3);
    CHECK((YODEL_SIO_VOLATILE | YODEL_SIO_LOCAL | YODEL_SIO_NO_COMPRESS) == 7);
    CHECK(yodel_cxx_function() == 0);
}

int main()
{
    yodel_server *server = NULL;

    check_values();
    CHECK(loops_of(YODEL_OPTIONS(yodel_server_options, .loops = 4)) == 4);
    CHECK(loops_of(YODEL_OPTIONS(yodel_server_options, .loops = 2, .max_message = 7)) == 2);
    CHECK(count(YODEL_ROOMS("a")) == 1);
    CHECK(count(YODEL_ROOMS("a", "b")) == 2 && is_second(YODEL_ROOMS("a", "b"), "b"));
    CHECK(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server) == 0);
    CHECK(yodel_server_listen(
              server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0")) > 0);
    yodel_server_unref(server);
    return failures == 0 ? 0 : 1;
}
