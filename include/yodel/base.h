/* SPDX-License-Identifier: MIT */
#ifndef YODEL_BASE_H
#define YODEL_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(YODEL_STATIC)
#define YODEL_API
#elif defined(__GNUC__)
#define YODEL_API __attribute__((visibility("default")))
#else
#define YODEL_API
#endif

#if defined(__GNUC__)
#define YODEL_CHECK_RESULT __attribute__((warn_unused_result))
#else
#define YODEL_CHECK_RESULT
#endif

/* Where a function may be called.  Every prototype carries exactly one (tools/check_headers.py). */
#define YODEL_ANY_THREAD   /* any thread, at any time in the object's life */
#define YODEL_LOOP_THREAD  /* only inside a callback of the loop that owns the object */
#define YODEL_SETUP_THREAD /* one thread, before yodel_server_run() */

#ifdef __cplusplus
#define YODEL_C_BEGIN extern "C" {
#define YODEL_C_END }
#else
#define YODEL_C_BEGIN
#define YODEL_C_END
#endif

/* C++ has no compound literals: values of a call live in temporaries, which end with the call. */
#ifdef __cplusplus
template <typename T> struct yodel_temporary {
    static const T *yodel_one(const T &value)
    {
        return &value;
    }
    template <size_t num> static const T *yodel_list(const T (&values)[num])
    {
        return values;
    }
};
#endif

YODEL_C_BEGIN

/* A borrowed run of UTF-8 text.  Not NUL-terminated.  ptr may be NULL when len is 0. */
typedef struct yodel_str {
    const char *ptr;
    size_t len; /* bytes */
} yodel_str;

/* A borrowed run of bytes. */
typedef struct yodel_bytes {
    const uint8_t *ptr;
    size_t len; /* bytes */
} yodel_bytes;

#ifdef __cplusplus
#define YODEL_STR(literal) (yodel_str{"" literal, sizeof(literal) - 1})
#else
#define YODEL_STR(literal) ((yodel_str){"" literal, sizeof(literal) - 1})
#endif

/* printf("%" YODEL_PRI "\n", YODEL_ARG(name)) */
#define YODEL_PRI ".*s"
#define YODEL_ARG(s) (int)(s).len, (s).ptr

/*
 * The view of a NUL-terminated string, without its NUL; {NULL, 0} for NULL.
 *
 * cstr   borrowed: the view lives as long as the string does
 *
 * Counts the bytes at each call; for a literal YODEL_STR() is a constant.
 */
YODEL_API yodel_str yodel_str_of(const char *cstr) YODEL_ANY_THREAD;

/*
 * Compares two views byte for byte: case counts, and UTF-8 is not normalised.
 *
 * a   a view; ptr may be NULL when len is 0
 * b   the other one; all empty views are equal
 *
 * Returns 1 when equal, else 0.  The time it takes tells how much is equal: compare secrets by
 * something else.
 */
YODEL_API int yodel_str_eq(yodel_str a, yodel_str b) YODEL_ANY_THREAD;

/*
 * Whether a name fits a pattern, in which each '*' stands for any bytes, none too; everything else
 * stands for itself.  Names from clients may be held against it: the time is that of reading both,
 * however many stars there are.
 *
 * pattern   borrowed; NULL: nothing fits
 * name      the whole of it must fit
 *
 * Returns 1 when it fits, else 0.
 */
YODEL_API int yodel_pattern_fits(const char *pattern, yodel_str name) YODEL_ANY_THREAD;

/*
 * Results.  A function that can fail returns int: >= 0 is success, < 0 is either -errno of the
 * system call that failed or one of these.  They lie below every errno (Linux: MAX_ERRNO 4095).
 */
#define YODEL_ERROR_MAP(X)                                                                         \
    X(CLOSED, -5001, "the connection is closed")                                                   \
    X(CONGESTED, -5002, "the send buffer is over its limit")                                       \
    X(PROTOCOL, -5003, "the peer broke the protocol")                                              \
    X(TOO_BIG, -5004, "larger than the configured limit")                                          \
    X(PATTERN, -5005, "malformed route pattern")                                                   \
    X(CONFLICT, -5006, "already registered")                                                       \
    X(TLS, -5007, "TLS failure")                                                                   \
    X(UNSUPPORTED, -5008, "not compiled in, or not available on this kernel")                      \
    X(STATE, -5009, "not allowed in the present state")                                            \
    X(FORMAT, -5010, "the packed format and its arguments make no JSON value")                     \
    X(NAME, -5011, "not a valid name")                                                             \
    X(ENCODING, -5012, "text that is not UTF-8")                                                   \
    X(OPTIONS, -5013, "an options struct of a newer version sets a field this library lacks")      \
    X(NOT_FOUND, -5014, "no such connection, channel or file")

enum yodel_error {
#define X(name, value, text) YODEL_ERR_##name = value,
    YODEL_ERROR_MAP(X)
#undef X
        YODEL_OK = 0
};

/*
 * A text for people: what a result of this library, or of a callback, means.
 *
 * result   any int; 0 and more is "success", what is neither an errno nor a yodel_error is "unknown
 *          error"
 *
 * Returns static text in English, never NULL, that is not to be freed.
 */
YODEL_API const char *yodel_strerror(int result) YODEL_ANY_THREAD;

/*
 * A name for logs and metrics: that of the macro or enumerator.
 *
 * result   any int, as for yodel_strerror()
 *
 * Returns static text, never NULL: "YODEL_OK" for 0 and more, "YODEL_ERR_CLOSED", "EADDRINUSE";
 * "unknown" for another number, and "errno" for every errno where the C library has no names for
 * them (musl, glibc before 2.32).
 */
YODEL_API const char *yodel_error_name(int result) YODEL_ANY_THREAD;

/*
 * The version of the library that the program runs with, such as "0.2.0".  That of the headers it
 * was compiled with is YODEL_VERSION (yodel/version.h).
 *
 * Returns static text, never NULL.
 */
YODEL_API const char *yodel_version(void) YODEL_ANY_THREAD;

/*
 * The version of the library that the program runs with as a number, to be compared with
 * YODEL_VERSION_NUMBER, that of the headers.
 *
 * Returns 0x010203 for 1.2.3.
 */
YODEL_API unsigned yodel_version_number(void) YODEL_ANY_THREAD;

/*
 * Frees what a program has given with it, exactly once.  Which thread calls it is said where it is
 * given; it must not block.
 *
 * data   what was given; NULL if that was given
 */
typedef void(yodel_free_fn)(void *data);

/*
 * Where the library takes its own memory from.  All three must be set; each may be called from
 * every loop thread at once.  OpenSSL, jansson, PCRE2 and libuv keep their own allocators.
 */
typedef struct yodel_allocator {
    void *(*alloc)(size_t size, void *user);             /* NULL when out of memory */
    void *(*resize)(void *ptr, size_t size, void *user); /* ptr untouched on NULL */
    void (*release)(void *ptr, void *user);              /* ptr may be NULL */
    void *user;
} yodel_allocator;

/*
 * Every options struct starts with `size_t size` and means "default" by zero, so fields can be
 * added at its end without breaking a caller built against an older header.  In a call:
 *
 *     yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 4), &server);
 *
 * In C++ (with GCC or clang) fields must be named in their order, and the struct lives for the
 * call.
 */
#ifdef __cplusplus
/* GCC warns of the fields that are left out, which is what they are for. */
#pragma GCC system_header
#define YODEL_OPTIONS(type, ...)                                                                   \
    (yodel_temporary<type>::yodel_one(__extension__ type{.size = sizeof(type), __VA_ARGS__}))
#else
#define YODEL_OPTIONS(type, ...) (&(const type){.size = sizeof(type), __VA_ARGS__})
#endif

YODEL_C_END

#endif
