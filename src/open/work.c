/* SPDX-License-Identifier: MIT */
#include "open/work.h"

#include <errno.h>
#include <pthread.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/thread.h"
#include "bus/call.h"

/* Lists of the orders in use. */
#define LANES 64

enum job_state { JOB_WAITING = 0, JOB_RUNNING, JOB_FINISHED };

struct worker;

/*
 * A job that may begin is in the queue.  One with an order is the head of its lane from when it may
 * begin until it has run; those of the same order that come meanwhile are its followers.
 */
struct yd_job {
    struct yd_list node; /* of the queue, or of a head's followers */
    struct yd_list lane; /* of the heads; only in one */
    struct yd_list followers;
    struct yd_list of_loop; /* of its loop's jobs; the loop's thread */
    struct yd_call call;    /* brings it back */
    yodel_loop *open;
    struct worker *worker; /* that runs it; NULL: none of the pool's */
    const void *order;
    yodel_work_fn *fn;
    yodel_work_done_fn *done;
    void *arg;
    yodel_free_fn *free_arg;
    enum job_state state;
    bool queued, given_up;
    bool told; /* the loop's thread: only its memory is left */
    int result;
};

struct worker {
    pthread_t thread;
    struct yd_work_pool *pool;
    struct yd_job *job; /* that it runs, or that was given up while it did */
    bool ended;         /* joined, or left alone */
};

struct yd_work_pool {
    struct yodel_allocator mem; /* a copy: it may outlive the server */
    atomic_uint refs;           /* the server's, and of each thread */
    atomic_uint num_jobs;       /* that are not done */
    atomic_size_t num_waiting;  /* written under the lock */
    atomic_uint_least64_t num_refused;
    size_t max_waiting;
    pthread_mutex_t lock; /* what follows, and the states of jobs */
    pthread_cond_t ready;
    struct yd_list queue;
    struct yd_list lanes[LANES];
    unsigned num_queued, num_idle, num_threads, max_threads;
    bool ending;
    struct worker workers[];
};

/* ---- the pool ---- */

int yd_work_pool_new(const struct yodel_allocator *mem, unsigned threads, size_t max_waiting,
                     struct yd_work_pool **ret_pool)
{
    struct yd_work_pool *pool = yd_zalloc(mem, sizeof *pool + threads * sizeof pool->workers[0]);

    if (pool == NULL)
        return -ENOMEM;
    pool->mem = *mem;
    pool->max_threads = threads;
    pool->max_waiting = max_waiting;
    atomic_init(&pool->refs, 1);
    yd_list_init(&pool->queue);
    for (unsigned i = 0; i < LANES; i++)
        yd_list_init(&pool->lanes[i]);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->ready, NULL);
    *ret_pool = pool;
    return 0;
}

static void unref(struct yd_work_pool *pool)
{
    yodel_allocator mem = pool->mem;

    if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&pool->ready);
    pthread_mutex_destroy(&pool->lock);
    yd_free(&mem, pool);
}

bool yd_work_is_busy(const struct yd_work_pool *pool)
{
    return atomic_load(&pool->num_jobs) > 0;
}

uint64_t yd_work_waiting(const struct yd_work_pool *pool)
{
    return atomic_load_explicit(&pool->num_waiting, memory_order_relaxed);
}

uint64_t yd_work_refused(const struct yd_work_pool *pool)
{
    return atomic_load_explicit(&pool->num_refused, memory_order_relaxed);
}

/* ---- lanes; under the lock ---- */

static struct yd_list *lanes_of(struct yd_work_pool *pool, const void *order)
{
    uint64_t hash = (uint64_t)(uintptr_t)order * UINT64_C(0x9e3779b97f4a7c15);

    return &pool->lanes[hash >> 58];
}

static struct yd_job *find_head(struct yd_list *lanes, const void *order)
{
    for (struct yd_list *node = lanes->next; node != lanes; node = node->next) {
        struct yd_job *job = yd_container_of(node, struct yd_job, lane);

        if (job->order == order)
            return job;
    }
    return NULL;
}

static void make_ready(struct yd_work_pool *pool, struct yd_job *job)
{
    if (job->order != NULL)
        yd_list_append(lanes_of(pool, job->order), &job->lane);
    yd_list_append(&pool->queue, &job->node);
    job->queued = true;
    pool->num_queued++;
    pthread_cond_signal(&pool->ready);
}

static void enter(struct yd_work_pool *pool, struct yd_job *job)
{
    struct yd_job *head = NULL;

    if (job->order != NULL)
        head = find_head(lanes_of(pool, job->order), job->order);
    if (head != NULL)
        yd_list_append(&head->followers, &job->node);
    else
        make_ready(pool, job);
    atomic_fetch_add_explicit(&pool->num_waiting, 1, memory_order_relaxed);
}

/* A head has run, or is taken back: the first of its followers takes its place. */
static void leave_lane(struct yd_work_pool *pool, struct yd_job *job)
{
    struct yd_job *next;

    yd_list_remove(&job->lane);
    if (yd_list_is_empty(&job->followers))
        return;
    next = yd_container_of(job->followers.next, struct yd_job, node);
    yd_list_remove(&next->node);
    yd_list_move(&job->followers, &next->followers);
    make_ready(pool, next);
}

static void unqueue(struct yd_work_pool *pool, struct yd_job *job)
{
    yd_list_remove(&job->node);
    atomic_fetch_sub_explicit(&pool->num_waiting, 1, memory_order_relaxed);
    if (!job->queued)
        return;
    job->queued = false;
    pool->num_queued--;
}

/* ---- running ---- */

static void free_job(struct yd_work_pool *pool, struct yd_job *job)
{
    if (job->free_arg != NULL)
        job->free_arg(job->arg);
    yd_free(&pool->mem, job);
}

static struct yd_job *take(struct yd_work_pool *pool)
{
    struct yd_job *job;

    if (yd_list_is_empty(&pool->queue))
        return NULL;
    job = yd_container_of(pool->queue.next, struct yd_job, node);
    unqueue(pool, job);
    job->state = JOB_RUNNING;
    return job;
}

/* It is posted under the lock, so its loop knows whether it is still to come. */
static void finish(struct yd_work_pool *pool, struct yd_job *job, int result)
{
    leave_lane(pool, job);
    job->result = result;
    job->state = JOB_FINISHED;
    if (job->given_up)
        return;
    if (job->worker != NULL)
        job->worker->job = NULL;
    (void)yd_call_post(&job->call, job->open->loop);
}

struct yd_job *yd_work_take(struct yd_work_pool *pool)
{
    struct yd_job *job;

    pthread_mutex_lock(&pool->lock);
    job = take(pool);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

void yd_work_run(struct yd_work_pool *pool, struct yd_job *job)
{
    int result = job->fn(job->arg);
    bool given_up;

    pthread_mutex_lock(&pool->lock);
    given_up = job->given_up;
    finish(pool, job, result);
    pthread_mutex_unlock(&pool->lock);
    if (given_up)
        free_job(pool, job);
}

/* Waits for a job; NULL at the end of the pool. */
static struct yd_job *next_job(struct worker *worker)
{
    struct yd_work_pool *pool = worker->pool;
    struct yd_job *job;

    pthread_mutex_lock(&pool->lock);
    worker->job = NULL;
    while ((worker->job = take(pool)) == NULL && !pool->ending) {
        pool->num_idle++;
        pthread_cond_wait(&pool->ready, &pool->lock);
        pool->num_idle--;
    }
    job = worker->job;
    if (job != NULL)
        job->worker = worker;
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;
    struct yd_job *job;

    while ((job = next_job(worker)) != NULL)
        yd_work_run(worker->pool, job);
    unref(worker->pool);
    return NULL;
}

/* Under the lock, after a job was added: 0, or -errno when there is no thread at all for it. */
static int add_thread(struct yd_work_pool *pool)
{
    struct worker *worker = &pool->workers[pool->num_threads];
    int rc;

    if (pool->num_queued <= pool->num_idle || pool->num_threads == pool->max_threads)
        return 0;
    worker->pool = pool;
    atomic_fetch_add(&pool->refs, 1);
    if ((rc = yd_thread_start(&worker->thread, run_worker, worker)) == 0) {
        pool->num_threads++;
        return 0;
    }
    atomic_fetch_sub(&pool->refs, 1);
    return pool->num_threads > 0 ? 0 : rc;
}

/* A thread that is in a job which was given up ends when that returns; nobody waits for it. */
static bool may_join(struct worker *worker)
{
    struct yd_work_pool *pool = worker->pool;
    bool join;

    pthread_mutex_lock(&pool->lock);
    join = !worker->ended && worker->job == NULL;
    if (!worker->ended && !join)
        pthread_detach(worker->thread);
    worker->ended = true;
    pthread_mutex_unlock(&pool->lock);
    return join;
}

void yd_work_pool_end(struct yd_work_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->ready);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->num_threads; i++)
        if (may_join(&pool->workers[i]))
            pthread_join(pool->workers[i].thread, NULL);
}

void yd_work_pool_free(struct yd_work_pool *pool)
{
    if (pool == NULL)
        return;
    yd_work_pool_end(pool);
    unref(pool);
}

/* ---- on the loop ---- */

/* The last call for a job but that which frees its memory. */
static void tell(struct yd_job *job, int result)
{
    yodel_loop *open = job->open;

    yd_list_remove(&job->of_loop);
    if (job->done != NULL)
        job->done(open, result, job->arg);
    if (job->free_arg != NULL)
        job->free_arg(job->arg);
    job->free_arg = NULL;
}

static void count_less(yodel_loop *open, unsigned num)
{
    struct yd_work_pool *pool = open->pool;

    if (num > 0 && atomic_fetch_sub(&pool->num_jobs, num) == num && open->on_idle != NULL)
        open->on_idle(open);
}

static void run_finished(struct yd_loop *loop, void *arg)
{
    struct yd_job *job = arg;
    yodel_loop *open = job->open;
    bool told = job->told;

    (void)loop;
    if (!told)
        tell(job, job->result);
    free_job(open->pool, job);
    if (!told)
        count_less(open, 1);
}

static int add(struct yd_work_pool *pool, struct yd_job *job)
{
    int rc;

    pthread_mutex_lock(&pool->lock);
    if (yd_work_waiting(pool) >= pool->max_waiting) {
        pthread_mutex_unlock(&pool->lock);
        atomic_fetch_add_explicit(&pool->num_refused, 1, memory_order_relaxed);
        return YODEL_ERR_CONGESTED;
    }
    enter(pool, job);
    if ((rc = add_thread(pool)) < 0) { /* then it is the only one */
        unqueue(pool, job);
        leave_lane(pool, job);
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

static int start_job(yodel_loop *open, const struct yd_job *given)
{
    struct yd_work_pool *pool = open->pool;
    struct yd_job *job = yd_alloc(&pool->mem, sizeof *job);
    int rc;

    if (job == NULL)
        return -ENOMEM;
    *job = *given;
    yd_call_init(&job->call, YD_CALL_CONTROL, run_finished, job);
    yd_list_init(&job->node);
    yd_list_init(&job->lane);
    yd_list_init(&job->followers);
    yd_list_init(&job->of_loop);
    atomic_fetch_add(&pool->num_jobs, 1);
    yd_list_append(&open->jobs, &job->of_loop);
    if ((rc = add(pool, job)) < 0) {
        yd_list_remove(&job->of_loop);
        yd_free(&pool->mem, job);
        count_less(open, 1);
    }
    return rc;
}

int yodel_loop_work(yodel_loop *open, const void *order, yodel_work_fn *fn,
                    yodel_work_done_fn *done, void *arg, yodel_free_fn *free_arg)
{
    struct yd_job job = {
        .open = open, .order = order, .fn = fn, .done = done, .arg = arg, .free_arg = free_arg};
    int rc = yd_open_check(open, __func__);

    if (rc == 0 && open->no_jobs)
        rc = YODEL_ERR_CLOSED;
    if (rc == 0)
        rc = fn != NULL && open->pool != NULL ? start_job(open, &job) : -EINVAL;
    if (rc < 0 && free_arg != NULL)
        free_arg(arg);
    return rc;
}

/* Under the lock: what waits is taken back, what runs is left alone, what has run is to be told. */
static unsigned give_up_jobs(yodel_loop *open, struct yd_list *ret_ended)
{
    struct yd_work_pool *pool = open->pool;
    unsigned num = 0;

    while (!yd_list_is_empty(&open->jobs)) {
        struct yd_job *job = yd_container_of(open->jobs.next, struct yd_job, of_loop);

        num++;
        yd_list_remove(&job->of_loop);
        if (job->state == JOB_RUNNING) {
            job->given_up = true;
            continue;
        }
        yd_list_append(ret_ended, &job->of_loop);
        if (job->state == JOB_FINISHED)
            continue;
        job->result = -ECANCELED;
        if (job->queued) {
            unqueue(pool, job);
            leave_lane(pool, job);
        } else {
            unqueue(pool, job);
        }
    }
    return num;
}

void yd_open_give_up_jobs(yodel_loop *open)
{
    struct yd_work_pool *pool = open->pool;
    struct yd_list ended;
    unsigned num;

    open->no_jobs = true;
    if (pool == NULL)
        return;
    yd_list_init(&ended);
    pthread_mutex_lock(&pool->lock);
    num = give_up_jobs(open, &ended);
    pthread_mutex_unlock(&pool->lock);
    while (!yd_list_is_empty(&ended)) {
        struct yd_job *job = yd_container_of(ended.next, struct yd_job, of_loop);

        tell(job, job->result);
        job->told = true;
        if (job->state == JOB_WAITING) /* otherwise its call is on the way, and frees it */
            yd_free(&pool->mem, job);
    }
    count_less(open, num);
}
