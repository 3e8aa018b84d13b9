/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_ADMIN_STATE_H
#define YG_ADMIN_ADMIN_STATE_H

#include "admin/admin.h"
#include "admin/admin_record.h"
#include "admin/admin_sessions.h"
#include "admin/guesses.h"

/* What the admin has, for the files of this layer. */

#define YG_ADMIN_PAGES 32 /* that may look at a time */

/* One loop's part; that loop's alone, but for the queue. */
struct yg_admin_loop {
    struct yg_admin *admin;
    yodel_loop *loop;
    unsigned index;
    bool is_on;             /* somebody looks */
    struct yg_admin_ws *ws; /* that are open, a ring; NULL: none */
    struct yg_admin_queue queue;
};

#define YG_ADMIN_REASONS 9

/* Why clients go. */
extern const char *const yg_admin_reasons[YG_ADMIN_REASONS];

struct yg_hub;
struct yg_far;

struct yg_admin {
    struct yg_admin_options options;
    yodel_sio_namespace *ns;
    char process[YG_SESSION_SIZE]; /* a name of this process alone */
    struct yg_guesses guesses;
    struct yg_sessions sessions;
    atomic_size_t num_ws;   /* WebSockets that are shown */
    atomic_uint num_checks; /* passwords that wait to be checked */
    struct yg_admin_loop *loops;
    unsigned num_loops;
    struct yg_hub *hub;
    struct yg_far *far;
    struct {
        atomic_uint_least64_t opened, closed[YG_ADMIN_REASONS];
        atomic_uint_least64_t pages, logins, refused, commands, denied, begun_anew;
    } counts;
};

static inline bool yg_admin_shows_all(const struct yg_admin *admin)
{
    return admin->options.config->mode == YG_ADMIN_DEVELOPMENT;
}

static inline void yg_admin_count_one(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* A page that looks: counted by its socket and by the hub. */
struct yg_viewer {
    struct yg_admin *admin;
    atomic_uint refs;
    atomic_bool is_gone; /* its socket has ended */
    char id[YG_RECORD_ID];
    char session[YG_SESSION_SIZE]; /* to be told to it; "": none */
};

struct yg_viewer *yg_viewer_ref(struct yg_viewer *viewer);
void yg_viewer_unref(struct yg_viewer *viewer);

#endif
