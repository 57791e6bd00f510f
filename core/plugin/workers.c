/* SPDX-License-Identifier: Apache-2.0
 *
 * The only threads of the process that change namespaces. The mounter has a mount namespace and a
 * working directory of its own; netns workers enter a network namespace for one job and return to
 * the host's. Both start when first needed. A thread that cannot return to where it belongs ends.
 */
#include "plugin/plugin_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define STACK_SIZE (256 * 1024)

struct job {
    struct job *next;
    berth_job function;
    void *arg;
    int netns_fd; /* -1: none */
    int32_t result;
    berth_error error;
    bool done;
    pthread_cond_t finished;
};

void workers_init(struct worker_pool *pool, bool mounter, int maximum)
{
    *pool = (struct worker_pool){.mounter = mounter, .maximum = maximum};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
}

/* A mount namespace that follows the host's mounts and gives nothing back. unshare(CLONE_NEWNS)
 * also gives the thread its own working directory (unshare(2)). */
static int32_t mounter_setup(berth_error *err)
{
    if (unshare(CLONE_NEWNS) != 0) {
        return berth_error_errno(err, errno, "the mounter thread cannot have a mount namespace");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
        return berth_error_errno(err, errno, "the mounter thread cannot make its mounts private");
    }
    return 0;
}

static int32_t netns_setup(int *ret_home, berth_error *err)
{
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0) {
        return berth_error_errno(err, errno, "cannot open the host's network namespace");
    }
    *ret_home = home;
    return 0;
}

static void finish(struct job *job, int32_t result)
{
    job->result = result;
    job->done = true;
    pthread_cond_signal(&job->finished);
}

static struct job *take_job(struct worker_pool *pool)
{
    while (pool->first == NULL && !pool->stopping) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    struct job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        pool->last = pool->first != NULL ? pool->last : NULL;
    }
    return job;
}

/* False: the thread is no longer where it belongs and must end. */
static bool run_job(struct job *job, int home, int32_t *ret_result)
{
    if (job->netns_fd >= 0 && setns(job->netns_fd, CLONE_NEWNET) != 0) {
        *ret_result = berth_error_errno(&job->error, errno, "cannot enter the network namespace");
        return true;
    }
    *ret_result = job->function(job->arg, &job->error);
    return home < 0 || setns(home, CLONE_NEWNET) == 0;
}

static void *worker(void *arg);

static int32_t start_thread(struct worker_pool *pool, berth_error *err)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int code = pthread_create(&pool->threads[pool->count], &attributes, worker, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (code != 0) {
        return berth_error_errno(err, code, "cannot start a %s thread",
                                 pool->mounter ? "mounter" : "network namespace");
    }
    pthread_setname_np(pool->threads[pool->count], pool->mounter ? "mounter" : "netns");
    pool->count++;
    return 0;
}

/* Takes the calling thread out of the pool; somebody else must do the jobs that wait. */
static void retire(struct worker_pool *pool)
{
    berth_error err = BERTH_ERROR_INIT;
    for (int i = 0; i < pool->count; i++) {
        if (pthread_equal(pool->threads[i], pthread_self())) {
            pool->threads[i] = pool->threads[--pool->count];
            pthread_detach(pthread_self());
            break;
        }
    }
    if (pool->first != NULL && pool->count == 0 && start_thread(pool, &err) < 0) {
        for (struct job *job; (job = pool->first) != NULL;) {
            pool->first = job->next;
            job->error = err;
            finish(job, err.code);
        }
        pool->last = NULL;
    }
}

static void *worker(void *arg)
{
    struct worker_pool *pool = arg;
    berth_error setup_error = BERTH_ERROR_INIT;
    int home = -1;
    int32_t setup = pool->mounter ? mounter_setup(&setup_error) : netns_setup(&home, &setup_error);
    bool usable = true;
    pthread_mutex_lock(&pool->lock);
    for (struct job *job; usable && (job = take_job(pool)) != NULL;) {
        int32_t result = setup;
        if (setup < 0) {
            job->error = setup_error;
        } else {
            pthread_mutex_unlock(&pool->lock);
            usable = run_job(job, home, &result);
            pthread_mutex_lock(&pool->lock);
        }
        finish(job, result);
    }
    if (!usable && !pool->stopping) {
        retire(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (home >= 0) {
        close(home);
    }
    return NULL;
}

int32_t workers_run(struct worker_pool *pool, int netns_fd, berth_job function, void *arg,
                    berth_error *err)
{
    struct job job = {
        .function = function, .arg = arg, .netns_fd = netns_fd, .error = BERTH_ERROR_INIT};
    pthread_cond_init(&job.finished, NULL);
    pthread_mutex_lock(&pool->lock);
    int32_t result = 0;
    if (pool->idle == 0 && pool->count < pool->maximum) {
        result = start_thread(pool, err);
        if (pool->count > 0) {
            result = 0; /* the others will come to it */
        }
    }
    if (result == 0) {
        if (pool->last != NULL) {
            pool->last->next = &job;
        } else {
            pool->first = &job;
        }
        pool->last = &job;
        pthread_cond_signal(&pool->work);
        while (!job.done) {
            pthread_cond_wait(&job.finished, &pool->lock);
        }
        result = job.result;
        if (result < 0) {
            berth_error_move(err, &job.error);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&job.finished);
    return result;
}

void workers_done(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    int count = pool->count;
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}
