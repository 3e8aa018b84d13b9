/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/loop.h>

#include "open/work.h"
#include "program.h"

/* What a program has on the loops: timers that fire at their time and not when they are stopped,
 * watches, posts, and jobs whose arguments are freed once. */

#define TIMERS 4  /* of each loop */
#define WATCHES 3 /* the same */
#define HELD 3    /* jobs that run meanwhile */
#define FIRST_FD 5000

struct ticking {
    yodel_timer timer;
    struct program *p;
    unsigned loop;
    uint64_t due; /* ms; 0: it must not fire */
    uint32_t period;
};

struct watching {
    yodel_watch watch;
    struct program *p;
    unsigned loop;
    int fd;
};

struct task {
    struct task *next;
    struct program *p;
    const char *what;
    unsigned loop;
    int rc, calls, frees;
    bool returned, has_run;
};

struct open_side {
    struct ticking *timers[MAX_LOOPS][TIMERS]; /* in memory of their own, so that use after it shows
                                                */
    struct watching *watches[MAX_LOOPS][WATCHES];
    struct yd_job *held[HELD];
    struct task *tasks;
    int data_frees[MAX_LOOPS], data_sets[MAX_LOOPS];
    bool started[MAX_LOOPS], stopped[MAX_LOOPS], ended[MAX_LOOPS];
};

static yodel_loop *open_at(struct program *p, unsigned loop)
{
    return yodel_server_loop(p->server, loop);
}

static void check_place(struct program *p, unsigned loop, const char *what)
{
    if (p->current != (int)loop || yodel_loop_current(p->server) != open_at(p, loop))
        broken(p, "%s: on another loop", what);
    if (p->open->ended[loop])
        broken(p, "%s: after on_end", what);
}

/* ---- timers ---- */

static void on_timer(yodel_timer *timer, void *user)
{
    struct ticking *ticking = user;
    struct program *p = ticking->p;
    uint64_t due = ticking->due;

    check_place(p, ticking->loop, "timer");
    if (due == 0)
        broken(p, "timer: fired though it does not run");
    if (yodel_loop_now(open_at(p, ticking->loop)) < due)
        broken(p, "timer: fired early");
    if ((yodel_timer_is_running(timer) != 0) != (ticking->period != 0))
        broken(p, "timer: fired and in a wrong state");
    ticking->due = ticking->period != 0 ? due + ticking->period : 0;
    say(p, "timer fires");
    act(p, NULL, NULL);
}

static void new_timer(struct program *p, unsigned loop, unsigned i)
{
    struct ticking *ticking = calloc(1, sizeof *ticking);

    if (ticking == NULL)
        abort();
    ticking->p = p;
    ticking->loop = loop;
    yodel_timer_init(&ticking->timer, open_at(p, loop), on_timer, ticking);
    p->open->timers[loop][i] = ticking;
}

static void judge(struct program *p, unsigned loop, const char *what, int rc)
{
    bool mine = p->current == (int)loop;

    say(p, "%s on loop %u: %d", what, loop, rc);
    if (mine ? rc == YODEL_ERR_STATE : rc != YODEL_ERR_STATE)
        broken(p, "%s: %s", what, yodel_error_name(rc));
    if (rc == YODEL_ERR_CLOSED && !p->open->ended[loop] && p->num_stops == 0)
        broken(p, "%s: the loop has not ended", what);
}

static void use_timer(struct program *p, unsigned loop)
{
    static const uint32_t times[] = {0, 1, 7, 100, 1500, 100000, UINT32_MAX};
    unsigned i = pick(p, TIMERS), how = pick(p, 5);
    struct ticking *ticking = p->open->timers[loop][i];
    uint32_t ms = times[pick(p, sizeof times / sizeof *times)];
    bool mine = p->current == (int)loop;
    int rc;

    if (how < 2) {
        rc = yodel_timer_start(&ticking->timer, ms);
        judge(p, loop, "timer_start", rc);
        if (rc == 0) {
            ticking->period = 0;
            ticking->due = ms != UINT32_MAX ? yodel_loop_now(open_at(p, loop)) + ms : 0;
        }
    } else if (how == 2 && ms > 0) {
        rc = yodel_timer_start_periodic(&ticking->timer, ms);
        judge(p, loop, "timer_start_periodic", rc);
        if (rc == 0) {
            ticking->period = ms != UINT32_MAX ? ms : 0;
            ticking->due = ms != UINT32_MAX ? yodel_loop_now(open_at(p, loop)) + ms : 0;
        }
    } else {
        rc = yodel_timer_stop(&ticking->timer);
        if (mine && rc < 0)
            broken(p, "timer_stop: %s", yodel_error_name(rc));
        if (rc == 0)
            ticking->due = 0;
        if (mine && how == 4) {
            say(p, "free a timer");
            free(ticking);
            new_timer(p, loop, i);
        }
    }
}

/* ---- watches ---- */

static void on_watch(yodel_watch *watch, unsigned events, void *user)
{
    struct watching *watching = user;
    struct program *p = watching->p;
    unsigned loop = watching->loop;
    int fd = watching->fd;

    check_place(p, loop, "watch");
    if ((yodel_watch_is_running(watch) != 0) == ((events & YODEL_WATCH_ERROR) != 0))
        broken(p, "watch: called and in a wrong state");
    say(p, "watch tells %u", events);
    sim_set_ready(p->server->loops[loop], fd, 0);
    act(p, NULL, NULL);
}

static void new_watch(struct program *p, unsigned loop, unsigned i)
{
    struct watching *watching = calloc(1, sizeof *watching);

    if (watching == NULL)
        abort();
    watching->p = p;
    watching->loop = loop;
    watching->fd = FIRST_FD + (int)i;
    yodel_watch_init(&watching->watch, open_at(p, loop), on_watch, watching);
    p->open->watches[loop][i] = watching;
}

static void use_watch(struct program *p, unsigned loop)
{
    unsigned i = pick(p, WATCHES), how = pick(p, 6), events = pick(p, 8);
    struct watching *watching = p->open->watches[loop][i];
    int rc;

    if (how < 2) {
        rc = yodel_watch_start(&watching->watch, watching->fd, events);
        judge(p, loop, "watch_start", rc);
        if (p->current == (int)loop && (yodel_watch_is_running(&watching->watch) != 0) != (rc == 0))
            broken(p, "watch_start: %s, and in a wrong state", yodel_error_name(rc));
    } else if (how == 2) {
        judge(p, loop, "watch_set_events", yodel_watch_set_events(&watching->watch, events));
    } else if (how == 3) {
        sim_set_ready(p->server->loops[loop], watching->fd,
                      once_in(p, 6) ? YODEL_WATCH_ERROR : events);
    } else {
        rc = yodel_watch_stop(&watching->watch);
        if (p->current == (int)loop && rc < 0)
            broken(p, "watch_stop: %s", yodel_error_name(rc));
        if (p->current == (int)loop && how == 5) {
            say(p, "free a watch");
            free(watching);
            new_watch(p, loop, i);
        }
    }
}

/* ---- posts and jobs ---- */

static struct task *new_task(struct program *p, const char *what, unsigned loop)
{
    struct task *task = calloc(1, sizeof *task);

    if (task == NULL)
        abort();
    task->p = p;
    task->what = what;
    task->loop = loop;
    task->next = p->open->tasks;
    p->open->tasks = task;
    return task;
}

static void called(struct task *task)
{
    check_place(task->p, task->loop, task->what);
    if (task->calls++ > 0 || task->frees > 0)
        broken(task->p, "%s: called twice, or after its end", task->what);
    say(task->p, "%s is called", task->what);
    act(task->p, NULL, NULL);
}

static void on_post(yodel_loop *loop, void *arg)
{
    (void)loop;
    called(arg);
}

static int on_work(void *arg)
{
    struct task *task = arg;

    if (task->has_run)
        broken(task->p, "%s: run twice", task->what);
    task->has_run = true;
    return 5;
}

static void on_done(yodel_loop *loop, int result, void *arg)
{
    struct task *task = arg;

    (void)loop;
    if (task->has_run ? result != 5 : result != -ECANCELED)
        broken(task->p, "%s: done with %d", task->what, result);
    called(task);
}

static void free_task(void *arg)
{
    struct task *task = arg;

    if (task->frees++ > 0)
        broken(task->p, "%s: its argument was freed twice", task->what);
}

static void returned(struct task *task, int rc)
{
    if (rc < 0 && (task->frees != 1 || task->calls != 0))
        broken(task->p, "%s: failed with %s, freed %d times", task->what, yodel_error_name(rc),
               task->frees);
}

static void use_task(struct program *p, unsigned loop)
{
    static const uint32_t times[] = {0, 3, 400, UINT32_MAX};
    static const char *const orders[] = {NULL, "a", "b"};
    unsigned how = pick(p, 4);
    struct task *task = new_task(p, how == 0 ? "post" : how == 1 ? "post_after" : "work", loop);
    int rc;

    if (how == 0) {
        rc = yodel_loop_post(open_at(p, loop), on_post, task, free_task);
        say(p, "loop_post on loop %u: %d", loop, rc);
    } else if (how == 1) {
        rc = yodel_loop_post_after(open_at(p, loop), times[pick(p, 4)], on_post, task, free_task);
        judge(p, loop, "loop_post_after", rc);
    } else {
        rc = yodel_loop_work(open_at(p, loop), orders[pick(p, 3)], on_work,
                             once_in(p, 8) ? NULL : on_done, task, free_task);
        judge(p, loop, "loop_work", rc);
    }
    returned(task, rc);
}

/* A thread of the pool takes a job, or comes to the end of the one that it has. */
void open_side_step(struct program *p)
{
    struct yd_job **held = &p->open->held[pick(p, HELD)];

    if (*held == NULL) {
        *held = yd_work_take(p->server->work);
        say(p, "a job %s", *held != NULL ? "begins" : "is not there");
    } else {
        struct yd_job *job = *held;
        bool may_cut = p->may_cut;

        say(p, "a job ends");
        *held = NULL;
        p->may_cut = false; /* it wakes the loop under the pool's lock, where others would wait */
        yd_work_run(p->server->work, job);
        p->may_cut = may_cut;
    }
}

void open_side_act(struct program *p)
{
    unsigned loop =
        p->current >= 0 && !once_in(p, 8) ? (unsigned)p->current : pick(p, p->num_loops);

    if (p->server == NULL || !p->open->started[loop] || p->open->ended[loop])
        return;
    switch (pick(p, 3)) {
    case 0:
        use_timer(p, loop);
        break;
    case 1:
        use_watch(p, loop);
        break;
    default:
        use_task(p, loop);
    }
}

/* ---- the loops' beginning and end ---- */

static void count_data(void *arg)
{
    ++*(int *)arg;
}

static int on_start(yodel_loop *loop, void *user)
{
    struct program *p = user;
    unsigned i = yodel_loop_index(loop);

    check_place(p, i, "on_start");
    p->open->started[i] = true;
    if (yodel_loop_set_data(loop, &p->open->data_frees[i], count_data) < 0)
        broken(p, "loop_set_data failed");
    if (yodel_loop_data(loop) != &p->open->data_frees[i])
        broken(p, "loop_data is another's");
    p->open->data_sets[i]++;
    act(p, NULL, NULL);
    return 0;
}

static void on_stop(yodel_loop *loop, void *user)
{
    struct program *p = user;
    unsigned i = yodel_loop_index(loop);

    check_place(p, i, "on_stop");
    if (p->open->stopped[i])
        broken(p, "on_stop: called twice");
    p->open->stopped[i] = true;
    act(p, NULL, NULL);
}

static void on_end(yodel_loop *loop, void *user)
{
    struct program *p = user;
    unsigned i = yodel_loop_index(loop);

    check_place(p, i, "on_end");
    if (!p->open->stopped[i])
        broken(p, "on_end: without on_stop");
    act(p, NULL, NULL);
    p->open->ended[i] = true;
    for (unsigned n = 0; n < TIMERS; n++) /* they are stopped now */
        p->open->timers[i][n]->due = 0;
}

/* A pool of few jobs, and without threads: they are run by steps. */
static void replace_pool(struct program *p)
{
    yd_work_pool_free(p->server->work);
    if (yd_work_pool_new(&p->mem, 0, 6, &p->server->work) < 0)
        abort();
    for (unsigned i = 0; i < p->num_loops; i++)
        p->server->workers[i].open.pool = p->server->work;
}

void open_side_set_up(struct program *p)
{
    yodel_loop_handlers handlers = {sizeof handlers, on_start, on_stop, on_end};

    p->open = calloc(1, sizeof *p->open);
    if (p->open == NULL || yodel_server_add_loop_handlers(p->server, &handlers, p) < 0)
        abort();
    replace_pool(p);
    for (unsigned loop = 0; loop < p->num_loops; loop++) {
        for (unsigned i = 0; i < TIMERS; i++)
            new_timer(p, loop, i);
        for (unsigned i = 0; i < WATCHES; i++)
            new_watch(p, loop, i);
    }
}

/* The loops have ended; what was given up comes to its end. */
void open_side_end(struct program *p)
{
    for (unsigned i = 0; i < HELD; i++)
        if (p->open->held[i] != NULL)
            yd_work_run(p->server->work, p->open->held[i]);
    for (unsigned loop = 0; loop < p->num_loops; loop++) {
        if (p->open->started[loop] != p->open->ended[loop])
            broken(p, "loop %u has begun, and has had no end", loop);
        if (p->open->data_frees[loop] != p->open->data_sets[loop])
            broken(p, "the data of loop %u was freed %d times", loop, p->open->data_frees[loop]);
    }
}

void open_side_free(struct program *p)
{
    for (struct task *task = p->open->tasks, *next; task != NULL; task = next) {
        next = task->next;
        if (task->frees != 1)
            broken(p, "%s: its argument was freed %d times", task->what, task->frees);
        free(task);
    }
    for (unsigned loop = 0; loop < p->num_loops; loop++) {
        for (unsigned i = 0; i < TIMERS; i++) {
            if (yodel_timer_is_running(&p->open->timers[loop][i]->timer))
                broken(p, "a timer runs after the end");
            free(p->open->timers[loop][i]);
        }
        for (unsigned i = 0; i < WATCHES; i++) {
            if (yodel_watch_is_running(&p->open->watches[loop][i]->watch))
                broken(p, "a watch runs after the end");
            free(p->open->watches[loop][i]);
        }
    }
    free(p->open);
}
