/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <yodel/json.h>

#include "program.h"

/* Decisions that handlers have taken and use later, or never: each ends once. */

struct choice {
    struct choice *next;
    struct program *p;
    yodel_decision *d; /* NULL: no reference is left */
    const char *what;
    struct wsock *ws; /* it is about; NULL: none */
    unsigned refs;
    unsigned won, gone, dropped;
    bool strict;    /* nothing else can end it */
    unsigned posts; /* under way */
};

static void check(const struct choice *choice)
{
    if (choice->won + choice->gone + choice->dropped > 1)
        broken(choice->p, "a decision on %s: %u verbs, %u times gone, %u times dropped",
               choice->what, choice->won, choice->gone, choice->dropped);
}

static void on_gone(yodel_decision *d, void *user)
{
    struct choice *choice = user;
    int rc;

    say(choice->p, "%s: gone", choice->what);
    choice->gone++;
    check(choice);
    if (yodel_decision_is_open(d))
        broken(choice->p, "a decision is open after it was gone");
    act(choice->p, NULL, NULL);
    rc = yodel_decision_refuse(d, "late", NULL);
    if (rc != YODEL_ERR_CLOSED && rc != -EINVAL) /* an acknowledgement is not refused */
        broken(choice->p, "a decision can be made after it was gone");
}

static struct choice *find(struct program *p, const yodel_decision *d)
{
    struct choice *choice = p->choices;

    while (choice != NULL && choice->d != d)
        choice = choice->next;
    return choice;
}

bool decision_keep(struct program *p, yodel_decision *d, const char *what, struct wsock *ws,
                   bool strict)
{
    struct choice *choice;

    if (d == NULL)
        return false;
    if ((choice = find(p, d)) == NULL) {
        if ((choice = calloc(1, sizeof *choice)) == NULL)
            abort();
        *choice = (struct choice){.next = p->choices, .p = p, .d = d, .what = what, .ws = ws};
        choice->strict = strict;
        p->choices = choice;
        if (yodel_decision_on_gone(d, on_gone, choice) < 0)
            broken(p, "a new decision on %s is not open", what);
    }
    choice->refs++;
    if (once_in(p, 4)) {
        (void)yodel_decision_ref(d);
        choice->refs++;
        keep(p, (struct kept){.kind = KEPT_DECISION, .thing = choice});
    }
    keep(p, (struct kept){.kind = KEPT_DECISION, .thing = choice});
    return true;
}

static void lose_reference(struct choice *choice)
{
    yodel_decision *d = choice->d;

    if (--choice->refs > 0)
        return;
    choice->d = NULL;
    if (yodel_decision_is_open(d)) {
        choice->dropped++;
        if (choice->ws != NULL)
            choice->ws->decided = true;
    }
}

static void give_back(struct choice *choice)
{
    yodel_decision *d = choice->d;

    lose_reference(choice);
    say(choice->p, "%s: give back, %u left", choice->what, choice->refs);
    check(choice);
    (void)yodel_decision_unref(d);
}

/* ---- posts ---- */

static void answer_there(yodel_request *req, void *arg)
{
    struct choice *choice = arg;
    struct program *p = choice->p;
    yodel_stream *stream = NULL;

    say(p, "%s: posted call", choice->what);
    act(p, NULL, NULL);
    if (once_in(p, 3))
        return;
    choice->won++;
    if (yodel_request_stream_begin(
            req, YODEL_OPTIONS(yodel_stream_options, .has_length = (int)pick(p, 2)), &stream) < 0)
        choice->won--;
    else
        (void)yodel_stream_end(stream);
    check(choice);
}

/* The reference of the post is given back after this. */
static void free_post(void *arg)
{
    struct choice *choice = arg;

    if (choice->posts-- == 0)
        broken(choice->p, "a post on %s is freed twice", choice->what);
    lose_reference(choice);
}

static void post(struct choice *choice)
{
    unsigned before = choice->posts++;
    unsigned refs = choice->refs++;
    bool was_open = yodel_decision_is_open(choice->d);
    int rc = yodel_decision_post(choice->d, answer_there, choice, free_post);

    say(choice->p, "%s: post: %d", choice->what, rc);
    if (rc < 0 && (choice->posts != before || choice->refs != refs))
        broken(choice->p, "a post on %s has failed and is not freed", choice->what);
    if (rc == 0 && !was_open)
        broken(choice->p, "a post on %s that is over", choice->what);
}

static int answer_json(yodel_decision *d, bool is_response)
{
    json_t *json = json_pack("[i]", 1);
    int rc;

    if (json == NULL)
        abort();
    rc = is_response ? yodel_decision_respond_json(d, 200, json)
                     : yodel_decision_answer_json(d, json);
    json_decref(json);
    return rc;
}

static int call_verb(struct program *p, yodel_decision *d, bool *ret_accepts)
{
    static const yodel_header headers[] = {{"X-A", "b"}, {"Bad name", "b"}, {"A", NULL}};

    unsigned verb = pick(p, 12);

    *ret_accepts = verb <= 3;
    if (verb == 11 && p->step % 3 == 0)
        return yodel_decision_answer_args(d, NULL);
    if ((verb == 7 || verb == 11) && p->step % 3 == 1)
        return answer_json(d, verb == 7);
    if (verb == 11)
        return yodel_decision_answer(d, once_in(p, 6) ? "q" : "i", 7);
    switch (verb) {
    case 0:
    case 1:
    case 2:
        return yodel_decision_accept(d, NULL);
    case 3:
        return yodel_decision_accept(d, YODEL_OPTIONS(yodel_ws_accept_options,
                                                      .headers = &headers[pick(p, 3)],
                                                      .num_headers = 1));
    case 4:
        return yodel_decision_reject(d, once_in(p, 2) ? NULL
                                                      : YODEL_OPTIONS(yodel_response, .status = 410,
                                                                      .headers = headers,
                                                                      .num_headers = pick(p, 4)));
    case 5:
        return yodel_decision_reject(d, YODEL_OPTIONS(yodel_response, .status = 200));
    case 6:
        return yodel_decision_refuse(d, once_in(p, 2) ? "no" : "\xff", once_in(p, 2) ? "{}" : NULL);
    case 7:
        return yodel_decision_respond_pack(d, 200, once_in(p, 4) ? "{" : "{s:i}", "a", 1);
    case 8:
        return yodel_decision_respond(d, NULL);
    case 9:
        return yodel_decision_refuse(d, NULL, NULL);
    default:
        return yodel_decision_respond_text(d, 0, NULL, YODEL_STR("late"));
    }
}

/* What the verb runs may give the choice's last reference back. */
static void decide(struct choice *choice)
{
    struct program *p = choice->p;
    yodel_decision *d = yodel_decision_ref(choice->d);
    bool was_open = yodel_decision_is_open(d), decided_before = false, accepts;
    int rc;

    if (choice->ws != NULL) { /* its end may be told inside the call */
        decided_before = choice->ws->decided;
        choice->ws->decided = true;
    }
    choice->won++;
    rc = call_verb(p, d, &accepts);
    say(p, "%s: decide: %d", choice->what, rc);
    if (rc == 0 && accepts && choice->ws != NULL && p->current == (int)choice->ws->loop)
        choice->ws->accepted = true; /* else on_open tells */
    if (rc < 0)
        choice->won--;
    if (rc < 0 && choice->ws != NULL)
        choice->ws->decided = decided_before;
    check(choice);
    if (rc == 0 && !was_open)
        broken(p, "a decision on %s is made twice", choice->what);
    if (rc == 0 && yodel_decision_is_open(d))
        broken(p, "a decision on %s is open after it was made", choice->what);
    if (rc < 0 && rc != YODEL_ERR_STATE && rc != YODEL_ERR_CLOSED &&
        was_open != (bool)yodel_decision_is_open(d))
        broken(p, "a decision on %s failed with %d and is not open", choice->what, rc);
    if (choice->d == NULL && yodel_decision_is_open(d)) { /* this reference is the last */
        choice->dropped++;
        if (choice->ws != NULL)
            choice->ws->decided = true;
    }
    (void)yodel_decision_unref(d);
}

void decision_use(struct program *p, void *thing)
{
    struct choice *choice = thing;

    if (once_in(p, 6))
        post(choice);
    else if (!once_in(p, 5))
        decide(choice);
    if (choice->refs > 1 && once_in(p, 8))
        return; /* and keeps it, for the other one to give back both */
    give_back(choice);
}

void decisions_free(struct program *p)
{
    struct choice *next;

    for (struct choice *choice = p->choices; choice != NULL; choice = next) {
        next = choice->next;
        while (choice->refs > choice->posts)
            give_back(choice);
        if (choice->strict && choice->won + choice->gone + choice->dropped != 1)
            broken(p, "a decision on %s has not ended", choice->what);
        free(choice);
    }
    p->choices = NULL;
}
