/* SPDX-License-Identifier: MIT */
#include "lease/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lease/scripts.h"

struct yg_lease {
    struct yg_lease_setup setup;
    char run[17];
    struct yg_text key; /* of its records */
    bool is_asking;     /* a turn has no reply yet */
    bool was_known;     /* Redis has known this run */
    atomic_uint_least64_t adopted, failed, fenced;
};

struct yg_lease *yg_lease_new(const struct yg_lease_setup *setup)
{
    struct yg_lease *lease = calloc(1, sizeof(*lease));
    uint64_t run;

    if (lease == NULL)
        return NULL;
    lease->setup = *setup;
    if (getrandom(&run, sizeof(run), 0) == (ssize_t)sizeof(run)) {
        snprintf(lease->run, sizeof(lease->run), "%016" PRIx64, run);
        yg_text_printf(&lease->key, "%s:hooked:%s", setup->prefix, lease->run);
        if (!yg_text_failed(&lease->key))
            return lease;
    }
    yg_lease_free(lease);
    return NULL;
}

void yg_lease_free(struct yg_lease *lease)
{
    if (lease == NULL)
        return;
    yg_text_done(&lease->key);
    free(lease);
}

const char *yg_lease_run(const struct yg_lease *lease)
{
    return lease->run;
}

static void count_failure(struct yg_lease *lease)
{
    atomic_fetch_add_explicit(&lease->failed, 1, memory_order_relaxed);
}

/* ---- records ---- */

static void on_written(const yodel_redis_reply *reply, void *user)
{
    if (reply == NULL || yodel_redis_reply_type(reply) == YODEL_REDIS_ERROR)
        count_failure(user);
}

static void on_waited(const yodel_redis_reply *reply, void *user)
{
    struct yg_lease_wait *wait = user;

    on_written(reply, wait->lease);
    wait->over(wait);
}

static int send(struct yg_lease *lease, size_t argc, const yodel_str *argv,
                struct yg_lease_wait *wait)
{
    int rc;

    if (wait != NULL) {
        wait->lease = lease;
        rc = yodel_redis_command(lease->setup.redis, argc, argv, on_waited, wait, NULL);
    } else {
        rc = yodel_redis_command(lease->setup.redis, argc, argv, on_written, lease, NULL);
    }
    if (rc < 0)
        count_failure(lease);
    return rc;
}

int yg_lease_put(struct yg_lease *lease, const char *id, uint32_t seq, yodel_str text,
                 struct yg_lease_wait *wait)
{
    struct yg_text value = {0};
    int rc = -ENOMEM;

    yg_text_printf(&value, "%" PRIu32 " ", seq);
    yg_text_add(&value, text.ptr, text.len);
    if (yg_text_failed(&value))
        count_failure(lease);
    else
        rc = send(lease, 4,
                  (const yodel_str[]){YODEL_STR("HSET"),
                                      yodel_str_of(lease->key.ptr),
                                      yodel_str_of(id),
                                      {value.ptr, value.len}},
                  wait);
    yg_text_done(&value);
    return rc;
}

void yg_lease_drop(struct yg_lease *lease, const char *id)
{
    (void)send(
        lease, 3,
        (const yodel_str[]){YODEL_STR("HDEL"), yodel_str_of(lease->key.ptr), yodel_str_of(id)},
        NULL);
}

/* ---- turns ---- */

/* One that cannot be read is nobody's: it is told once, by the counter, and forgotten. */
static void adopt(struct yg_lease *lease, yodel_str id, yodel_str text)
{
    char name[80];
    struct yg_lease_record record;

    snprintf(name, sizeof(name), "%.*s", (int)(id.len < 79 ? id.len : 79), id.ptr);
    if (yg_record_read(name, text, &record) < 0) {
        count_failure(lease);
        yg_lease_drop(lease, name);
        return;
    }
    atomic_fetch_add_explicit(&lease->adopted, 1, memory_order_relaxed);
    lease->setup.adopt(&record, lease->setup.user);
    yg_record_done(&record);
}

static void take_state(struct yg_lease *lease, int64_t state)
{
    if (state == 2)
        atomic_fetch_add_explicit(&lease->fenced, 1, memory_order_relaxed);
    if (state == 2 || (state == 1 && lease->was_known))
        lease->setup.again(state == 2, lease->setup.user);
    lease->was_known = true;
}

static void on_turn(const yodel_redis_reply *reply, void *user)
{
    struct yg_lease *lease = user;
    const size_t num = yodel_redis_reply_count(reply);

    lease->is_asking = false;
    if (num == 0) {
        count_failure(lease);
        return;
    }
    take_state(lease, yodel_redis_reply_integer(yodel_redis_reply_at(reply, 0)));
    for (size_t i = 1; i + 1 < num; i += 2)
        adopt(lease, yodel_redis_reply_text(yodel_redis_reply_at(reply, i)),
              yodel_redis_reply_text(yodel_redis_reply_at(reply, i + 1)));
}

void yg_lease_turn(struct yg_lease *lease)
{
    char ms[24], most[24];

    if (lease->is_asking)
        return;
    snprintf(ms, sizeof(ms), "%" PRIu32, lease->setup.ms);
    snprintf(most, sizeof(most), "%zu", lease->setup.room(lease->setup.user));
    if (yodel_redis_command(lease->setup.redis, 7,
                            (const yodel_str[]){YODEL_STR("EVAL"), yodel_str_of(yg_script_turn),
                                                YODEL_STR("0"), yodel_str_of(lease->setup.prefix),
                                                yodel_str_of(lease->run), yodel_str_of(ms),
                                                yodel_str_of(most)},
                            on_turn, lease, NULL) == 0)
        lease->is_asking = true;
    else
        count_failure(lease);
}

struct yg_lease_counts yg_lease_counts(const struct yg_lease *lease)
{
    return (struct yg_lease_counts){
        atomic_load_explicit(&lease->adopted, memory_order_relaxed),
        atomic_load_explicit(&lease->failed, memory_order_relaxed),
        atomic_load_explicit(&lease->fenced, memory_order_relaxed),
    };
}
