/* SPDX-License-Identifier: MIT */
#include "sio/entry.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "sio/later.h"
#include "sio/name_pattern.h"

struct yodel_sio_entry {
    struct yd_list of_client; /* of one that waits */
    struct yd_sio_client *client;
    struct yd_sio_parent *parent; /* that is asked */
    yodel_sio_entry *kept;        /* the copy that waits; NULL: none is made */
    yodel_decision *decision;     /* of that copy */
    struct yd_sio_early *early;
    yd_sio_entered_fn *entered;
    yodel_str nsp, auth;
    char room[]; /* of the copy's */
};

static const struct yodel_allocator *mem_of(const yodel_sio_entry *entry)
{
    return entry->client->sio->mem;
}

static void free_kept(yodel_sio_entry *kept)
{
    const struct yodel_allocator *mem = mem_of(kept);
    struct yd_sio_client *client = kept->client;

    yd_list_remove(&kept->of_client);
    yd_sio_early_free(&kept->early, mem);
    yd_free(mem, kept);
    yd_sio_arrival_tidy(client);
}

/* ---- asking ---- */

/* Asks a function; its result, or YODEL_DEFER when a decision comes. */
static int ask_function(yodel_sio_entry *entry)
{
    const struct yd_sio_parent *parent = entry->parent;
    json_t *document = NULL;
    int rc;

    if (entry->auth.len > 0 && (rc = yd_json_read_checked(entry->auth, &document)) < 0)
        return rc; /* a function that did not see it cannot refuse it */
    rc = parent->match(entry, entry->nsp, document, parent->user);
    json_decref(document);
    if (entry->kept == NULL)
        return rc == YODEL_DEFER ? -EINVAL : rc;
    if (rc == YODEL_DEFER)
        return entry->kept->decision != NULL ? rc : -EINVAL;
    return yd_decision_take(&entry->kept->decision) < 0 ? YODEL_DEFER : rc;
}

/* Asks the parents from entry->parent on, which becomes the one that allows it, or NULL.  False:
 * a decision comes. */
static bool ask(yodel_sio_entry *entry)
{
    int rc;

    for (; entry->parent != NULL; entry->parent = entry->parent->next) {
        if (entry->parent->pattern != NULL)
            rc = yd_sio_pattern_matches(entry->parent->pattern, entry->nsp) ? 0 : -EINVAL;
        else
            rc = ask_function(entry);
        if (rc == 0)
            return true;
        if (rc == YODEL_DEFER)
            return false;
    }
    return true;
}

static void finish(yodel_sio_entry *entry, const struct yd_verdict *verdict)
{
    struct yd_sio_entered entered = {.rc = YODEL_ERR_NOT_FOUND};

    if (entry->client->closing)
        return;
    if (entry->kept != NULL)
        entered.early = &entry->early;
    if (verdict != NULL) {
        entered.message = yodel_str_of(verdict->message);
        entered.data = yodel_str_of(verdict->data);
    } else if (entry->parent != NULL) {
        entered.rc = yd_sio_ns_enter(entry->client->sio, entry->nsp, entry->parent, &entered.ns);
    }
    entry->entered(entry->client, entry->nsp, entry->auth, &entered);
}

void yd_sio_enter(struct yd_sio_client *client, yodel_str nsp, yodel_str auth,
                  yd_sio_entered_fn *fn)
{
    struct yd_sio_entered entered = {.rc = YODEL_ERR_NOT_FOUND};
    yodel_sio_entry entry = {.client = client,
                             .parent = client->sio->namespaces.parents,
                             .entered = fn,
                             .nsp = nsp,
                             .auth = auth};

    if (nsp.len > YODEL_SIO_MAX_NAME ||
        (entered.rc = yd_sio_ns_enter(client->sio, nsp, NULL, &entered.ns)) == 0) {
        fn(client, nsp, auth, &entered);
        return;
    }
    if (!ask(&entry))
        return;
    if (entry.kept != NULL)
        free_kept(entry.kept);
    entry.kept = NULL;
    finish(&entry, NULL);
}

/* ---- decided later ---- */

/* Goes on with the next parent; from here on entry is its own copy. */
static void go_on(yodel_sio_entry *entry)
{
    if (!ask(entry))
        return;
    yd_list_remove(&entry->of_client);
    finish(entry, NULL);
    free_kept(entry);
}

static void refuse(yodel_sio_entry *entry, const struct yd_verdict *verdict)
{
    yd_list_remove(&entry->of_client);
    finish(entry, verdict);
    free_kept(entry);
}

static int apply(yodel_decision *d, const struct yd_verdict *verdict)
{
    yodel_sio_entry *entry = yd_decision_subject(d);

    yd_decision_settle(&entry->decision);
    if (verdict->verb == YD_ACCEPT) {
        yd_list_remove(&entry->of_client);
        finish(entry, NULL);
        free_kept(entry);
    } else if (verdict->message != NULL) {
        refuse(entry, verdict);
    } else {
        entry->parent = entry->parent->next;
        go_on(entry);
    }
    return 0;
}

static void drop(yodel_decision *d)
{
    yodel_sio_entry *entry = yd_decision_subject(d);

    yd_decision_settle(&entry->decision);
    refuse(entry, &(struct yd_verdict){.message = "Refused"});
}

static void be_late(void *subject)
{
    yodel_sio_entry *entry = subject;

    yd_decision_end(&entry->decision);
    refuse(entry, &(struct yd_verdict){.message = "Not decided in time"});
}

static const struct yd_decision_ops entry_ops = {
    .verbs = YD_ACCEPT | YD_REFUSE,
    .later = true,
    .check = yd_sio_check_verdict,
    .apply = apply,
    .drop = drop,
    .detached = yd_sio_later_detached,
};

static yodel_sio_entry *keep(const yodel_sio_entry *entry)
{
    struct yd_sio_arrival *arrival = yd_sio_arrival_of(entry->client);
    yodel_sio_entry *kept;

    if (arrival == NULL)
        return NULL;
    kept = yd_alloc(mem_of(entry), sizeof *kept + entry->nsp.len + entry->auth.len);
    if (kept == NULL)
        return NULL;
    *kept = *entry;
    memcpy(kept->room, entry->nsp.ptr, entry->nsp.len);
    if (entry->auth.len > 0)
        memcpy(kept->room + entry->nsp.len, entry->auth.ptr, entry->auth.len);
    kept->nsp.ptr = kept->room;
    kept->auth.ptr = kept->room + entry->nsp.len;
    kept->kept = kept;
    yd_list_init(&kept->of_client);
    yd_list_append(&arrival->entries, &kept->of_client);
    return kept;
}

yodel_decision *yodel_sio_entry_defer(yodel_sio_entry *entry)
{
    struct yd_sio_client *client;
    yodel_sio_entry *kept;

    if (entry == NULL)
        return NULL;
    client = entry->client;
    if (entry->kept == NULL && (entry->kept = keep(entry)) == NULL)
        return NULL;
    kept = entry->kept;
    kept->parent = entry->parent;
    if (kept->decision != NULL)
        return yd_decision_again(kept->decision);
    return kept->decision = yd_sio_later_new(yd_eio_loop(client->session), &entry_ops, kept,
                                             client->sio->decide_ms, be_late);
}

/* ---- those that wait ---- */

/* The first of a client's, and the one after each; NULL at the end. */
static yodel_sio_entry *next_entry(const struct yd_sio_client *client, const yodel_sio_entry *entry)
{
    const struct yd_sio_arrival *arrival = client->arrival;
    struct yd_list *node;

    if (arrival == NULL)
        return NULL;
    node = entry != NULL ? entry->of_client.next : arrival->entries.next;
    return node != &arrival->entries ? yd_container_of(node, yodel_sio_entry, of_client) : NULL;
}

yodel_sio_entry *yd_sio_find_entry(const struct yd_sio_client *client, yodel_str nsp)
{
    yodel_sio_entry *entry = next_entry(client, NULL);

    while (entry != NULL && !yodel_str_eq(entry->nsp, nsp))
        entry = next_entry(client, entry);
    return entry;
}

struct yd_sio_early **yd_sio_entry_early(yodel_sio_entry *entry)
{
    return &entry->early;
}

size_t yd_sio_entries_bytes(const struct yd_sio_client *client)
{
    size_t bytes = 0;

    for (yodel_sio_entry *e = next_entry(client, NULL); e != NULL; e = next_entry(client, e)) {
        bytes += sizeof *e + e->nsp.len + e->auth.len;
        if (e->early != NULL)
            bytes += e->early->bytes;
    }
    return bytes;
}

void yd_sio_entry_end(yodel_sio_entry *entry)
{
    yd_list_remove(&entry->of_client);
    yd_decision_end(&entry->decision);
    free_kept(entry);
}

void yd_sio_entries_end(struct yd_sio_client *client)
{
    yodel_sio_entry *entry;

    while ((entry = next_entry(client, NULL)) != NULL)
        yd_sio_entry_end(entry);
}
