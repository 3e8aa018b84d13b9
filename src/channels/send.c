/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/channel_event.h"
#include "channels/directory.h"
#include "channels/groups.h"

/* One delivery on its way to several loops: a node for each, in one block. */
struct broadcast;

struct leg {
    struct yd_mail mail;
    struct broadcast *broadcast;
};

struct broadcast {
    atomic_uint refs; /* legs that have not run yet */
    yodel_channels *channels;
    struct yd_delivery what;
    yodel_str name; /* behind the legs */
    struct leg legs[];
};

static void unref_broadcast(struct broadcast *broadcast)
{
    yodel_channels *channels = broadcast->channels;

    if (atomic_fetch_sub_explicit(&broadcast->refs, 1, memory_order_acq_rel) != 1)
        return;
    yd_msg_unref(broadcast->what.msg);
    yd_event_unref(broadcast->what.event);
    yd_free(channels->mem, broadcast);
    yodel_channels_unref(channels);
}

static void deliver_to(struct yd_member *member, void *user)
{
    member->deliver(member, user);
}

static void run_leg(struct yd_mail *mail, void *receiver)
{
    struct broadcast *broadcast = yd_container_of(mail, struct leg, mail)->broadcast;

    yd_group_walk(broadcast->channels, receiver, broadcast->name, deliver_to, &broadcast->what);
    unref_broadcast(broadcast);
}

static struct broadcast *make_broadcast(yodel_channels *channels, yodel_str name,
                                        const struct yd_delivery *what, unsigned num_legs)
{
    size_t legs = num_legs * sizeof(struct leg);
    struct broadcast *broadcast = yd_alloc(channels->mem, sizeof *broadcast + legs + name.len);
    char *copy;

    if (broadcast == NULL)
        return NULL;
    copy = (char *)broadcast + sizeof *broadcast + legs;
    memcpy(copy, name.ptr, name.len);
    atomic_init(&broadcast->refs, num_legs);
    broadcast->channels = yodel_channels_ref(channels);
    broadcast->what.msg = what->msg != NULL ? yd_msg_ref(what->msg) : NULL;
    broadcast->what.event = what->event != NULL ? yd_event_ref(what->event) : NULL;
    broadcast->name = (yodel_str){copy, name.len};
    return broadcast;
}

/* A loop's own mail waits until the present callback has returned, as that of others does. */
static int post(struct yd_loop *loop, struct yd_mail *mail)
{
    if (!yd_loop_is_current(loop))
        return yd_loop_post(loop, mail);
    yd_loop_task(loop, mail);
    return 0;
}

int yd_group_deliver(yodel_channels *channels, yodel_str name, const struct yd_delivery *what)
{
    uint8_t loops[YD_MAX_LOOPS];
    unsigned num = yd_directory_loops(channels, name, loops);
    struct broadcast *broadcast;
    int rc = 0;

    if (num == 0)
        return 0;
    if ((broadcast = make_broadcast(channels, name, what, num)) == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < num; i++) {
        struct leg *leg = &broadcast->legs[i];

        leg->broadcast = broadcast;
        leg->mail.run = run_leg;
        if ((rc = post(channels->loops[loops[i]], &leg->mail)) < 0)
            unref_broadcast(broadcast);
    }
    return rc;
}

/* ---- surveys ---- */

/* Goes from loop to loop. */
struct surveyor {
    struct yd_mail mail;
    yodel_channels *channels;
    struct yd_survey survey;
    unsigned next, num;
    uint8_t loops[YD_MAX_LOOPS];
    size_t name_len;
    char name[];
};

static int go_on(struct surveyor *surveyor)
{
    return yd_loop_post(surveyor->channels->loops[surveyor->loops[surveyor->next]],
                        &surveyor->mail);
}

static void free_surveyor(struct surveyor *surveyor)
{
    yodel_channels *channels = surveyor->channels;

    yd_free(channels->mem, surveyor);
    yodel_channels_unref(channels);
}

static void run_surveyor(struct yd_mail *mail, void *receiver)
{
    struct surveyor *surveyor = yd_container_of(mail, struct surveyor, mail);

    yd_group_walk(surveyor->channels, receiver, (yodel_str){surveyor->name, surveyor->name_len},
                  surveyor->survey.each, surveyor->survey.user);
    while (++surveyor->next < surveyor->num)
        if (go_on(surveyor) == 0)
            return;
    surveyor->survey.done(surveyor->survey.user);
    free_surveyor(surveyor);
}

int yd_group_survey(yodel_channels *channels, yodel_str name, const struct yd_survey *survey)
{
    struct surveyor *surveyor = yd_alloc(channels->mem, sizeof *surveyor + name.len);
    int rc;

    if (surveyor == NULL)
        return -ENOMEM;
    surveyor->mail.run = run_surveyor;
    surveyor->channels = yodel_channels_ref(channels);
    surveyor->survey = *survey;
    surveyor->next = 0;
    surveyor->name_len = name.len;
    memcpy(surveyor->name, name.ptr, name.len);
    surveyor->num = yd_directory_loops(channels, name, surveyor->loops);
    if (surveyor->num == 0) { /* some loop still calls done */
        surveyor->loops[0] = 0;
        surveyor->num = 1;
    }
    if ((rc = go_on(surveyor)) < 0)
        free_surveyor(surveyor);
    return rc;
}
