/* SPDX-License-Identifier: MIT */
#include "sio/tally.h"

#include "base/mem.h"
#include "bus/ask.h"

struct yd_sio_tally {
    struct yd_ask ask; /* first */
    yodel_sio *sio;    /* a reference */
    atomic_size_t num;
    yodel_sio_count_fn *counted;
    void *user;
};

static void tell(struct yd_ask *ask, unsigned missing)
{
    struct yd_sio_tally *tally = (struct yd_sio_tally *)ask;

    (void)missing;
    tally->counted(atomic_load(&tally->num), tally->user);
}

static void free_tally(struct yd_ask *ask)
{
    struct yd_sio_tally *tally = (struct yd_sio_tally *)ask;
    yodel_sio *sio = tally->sio;

    yd_free(sio->mem, tally);
    yodel_sio_unref(sio);
}

static const struct yd_ask_ops tally_ops = {.sink = tell, .free = free_tally};

struct yd_sio_tally *yd_sio_tally_new(yodel_sio *sio, yodel_sio_count_fn *counted, void *user)
{
    struct yd_sio_tally *tally = yd_zalloc(sio->mem, sizeof *tally);

    if (tally == NULL)
        return NULL;
    yd_ask_init(&tally->ask, &tally_ops, sio->bus);
    atomic_init(&tally->num, 0);
    tally->sio = yodel_sio_ref(sio);
    tally->counted = counted;
    tally->user = user;
    yd_ask_settle(&tally->ask);
    yd_ask_open(&tally->ask);
    return tally;
}

void yd_sio_tally_open(struct yd_sio_tally *tally)
{
    yd_ask_open(&tally->ask);
}

void yd_sio_tally_close(struct yd_sio_tally *tally)
{
    yd_ask_close(&tally->ask, NULL, 0);
}

void yd_sio_tally_add(struct yd_sio_tally *tally, size_t num)
{
    (void)atomic_fetch_add(&tally->num, num);
}

int yd_sio_tally_end(struct yd_sio_tally *tally, int result)
{
    struct yd_loop *home = yd_ask_home(&tally->ask);

    if (result < 0)
        yd_ask_cancel(&tally->ask);
    yd_ask_close_now(&tally->ask, yd_loop_is_current(home) ? home : NULL, 0);
    return result;
}
