/* SPDX-License-Identifier: MIT */
#include "sio/sio_base.h"

yodel_sio *yodel_sio_ref(yodel_sio *sio)
{
    if (sio == NULL)
        return NULL;
    atomic_fetch_add_explicit(&sio->refs, 1, memory_order_relaxed);
    return sio;
}

yodel_sio *yodel_sio_unref(yodel_sio *sio)
{
    if (sio != NULL && atomic_fetch_sub_explicit(&sio->refs, 1, memory_order_acq_rel) == 1)
        sio->free(sio);
    return NULL;
}

bool yd_sio_try_ref(yodel_sio *sio)
{
    unsigned refs = atomic_load_explicit(&sio->refs, memory_order_relaxed);

    while (refs > 0)
        if (atomic_compare_exchange_weak_explicit(&sio->refs, &refs, refs + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}
