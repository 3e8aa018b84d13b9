/* SPDX-License-Identifier: MIT */
#include "sio/sio_base.h"

yodel_sio *yodel_sio_ref(yodel_sio *sio)
{
    atomic_fetch_add_explicit(&sio->refs, 1, memory_order_relaxed);
    return sio;
}

yodel_sio *yodel_sio_unref(yodel_sio *sio)
{
    if (sio != NULL && atomic_fetch_sub_explicit(&sio->refs, 1, memory_order_acq_rel) == 1)
        sio->free(sio);
    return NULL;
}
