/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker pool.
 */
#include "container/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"

enum { WORKERS_MAX = 8, IDLE_SECONDS = 10, STACK_SIZE = 256 * 1024 };

struct work {
    struct work *next;
    void (*job)(void *arg);
    void *arg;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake, ended;
    struct work *first, **last;
    unsigned threads, idle;
    bool closing;
};

int workers_new(struct workers **ret_workers, berth_error *err)
{
    struct workers *workers = calloc(1, sizeof(*workers));
    if (workers == NULL) {
        return berth_error_no_memory(err);
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->wake, &attributes);
    pthread_cond_init(&workers->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    workers->last = &workers->first;
    *ret_workers = workers;
    return 0;
}

/* Under the lock: waits for work. NULL: time to end. */
static struct work *next_work(struct workers *workers)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += IDLE_SECONDS;
    while (workers->first == NULL) {
        if (workers->closing) {
            return NULL;
        }
        workers->idle++;
        int waited = pthread_cond_timedwait(&workers->wake, &workers->lock, &deadline);
        workers->idle--;
        if (waited == ETIMEDOUT && workers->first == NULL) {
            return NULL;
        }
    }
    struct work *work = workers->first;
    workers->first = work->next;
    if (workers->first == NULL) {
        workers->last = &workers->first;
    }
    return work;
}

static void *worker_main(void *arg)
{
    struct workers *workers = arg;
    struct work *work = NULL;
    pthread_mutex_lock(&workers->lock);
    while ((work = next_work(workers)) != NULL) {
        pthread_mutex_unlock(&workers->lock);
        work->job(work->arg);
        free(work);
        pthread_mutex_lock(&workers->lock);
    }
    workers->threads--;
    pthread_cond_broadcast(&workers->ended);
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* Under the lock. False: no thread could be made. */
static bool start_thread(struct workers *workers)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, old;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int result = pthread_create(&thread, &attributes, worker_main, workers);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    workers->threads += result == 0;
    return result == 0;
}

void workers_submit(struct workers *workers, void (*job)(void *arg), void *arg)
{
    struct work *work = malloc(sizeof(*work));
    bool here = work == NULL;
    pthread_mutex_lock(&workers->lock);
    if (!here && workers->idle == 0 && workers->threads < WORKERS_MAX) {
        here = !start_thread(workers) && workers->threads == 0;
    }
    if (!here) {
        *work = (struct work){.job = job, .arg = arg};
        *workers->last = work;
        workers->last = &work->next;
        pthread_cond_signal(&workers->wake);
    }
    pthread_mutex_unlock(&workers->lock);
    if (here) {
        free(work);
        job(arg);
    }
}

void workers_free(struct workers *workers)
{
    if (workers == NULL) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_cond_broadcast(&workers->wake);
    while (workers->threads > 0) {
        pthread_cond_wait(&workers->ended, &workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    pthread_cond_destroy(&workers->wake);
    pthread_cond_destroy(&workers->ended);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}
