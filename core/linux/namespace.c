/* SPDX-License-Identifier: Apache-2.0
 *
 * See namespace.h. Each dedicated thread takes jobs from a queue that lives in its owner; a caller
 * puts its job there and waits for it.
 */
#include "linux/namespace.h"

#include "base/cleanup.h"
#include "linux/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>

enum { IDLE_SECONDS = 30, STACK_SIZE = 256 * 1024 };

struct job {
    struct job *next;
    berth_linux_job function;
    void *arg;
    int netns_fd; /* netns jobs: where; -1: a fresh namespace, whose fd is stored here */
    berth_error *err;
    int32_t result;
    bool done;
};

struct queue {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work;  /* a job came, or stop */
    pthread_cond_t ended; /* a job is done, or a thread ended */
    struct job *first, **last;
    unsigned int threads, idle, threads_max;
    bool stop;
};

static void queue_init(struct queue *q, unsigned int threads_max)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->work, &attr);
    pthread_cond_init(&q->ended, &attr);
    pthread_condattr_destroy(&attr);
    q->first = NULL;
    q->last = &q->first;
    q->threads = q->idle = 0;
    q->threads_max = threads_max;
    q->stop = false;
}

static void queue_done(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stop = true;
    pthread_cond_broadcast(&q->work);
    while (q->threads > 0) {
        pthread_cond_wait(&q->ended, &q->lock);
    }
    pthread_mutex_unlock(&q->lock);
    pthread_cond_destroy(&q->work);
    pthread_cond_destroy(&q->ended);
    pthread_mutex_destroy(&q->lock);
}

/* Starts a detached thread that counts as one of the queue's; the lock is held. */
static int queue_thread(struct queue *q, void *(*run)(void *), berth_error *err)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    int result = pthread_create(&thread, &attr, run, q);
    pthread_attr_destroy(&attr);
    if (result != 0) {
        return berth_error_errno(err, result, "cannot start a thread");
    }
    q->threads++;
    return 0;
}

/* Takes the next job; NULL: stop, or nothing came for so long (seconds 0: for ever). */
static struct job *queue_take(struct queue *q, int seconds)
{
    struct timespec until;

    AUTO_LOCK(&q->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    q->idle++;
    while (q->first == NULL && !q->stop) {
        if (seconds == 0) {
            pthread_cond_wait(&q->work, &q->lock);
        } else if (pthread_cond_timedwait(&q->work, &q->lock, &until) == ETIMEDOUT) {
            break;
        }
    }
    q->idle--;
    struct job *job = q->first;
    if (job != NULL) {
        q->first = job->next;
        if (q->first == NULL) {
            q->last = &q->first;
        }
    } else {
        q->threads--;
        pthread_cond_broadcast(&q->ended);
    }
    return job;
}

static void queue_finish(struct queue *q, struct job *job, int32_t result)
{
    AUTO_LOCK(&q->lock);
    job->result = result;
    job->done = true;
    pthread_cond_broadcast(&q->ended);
}

static int queue_run(struct queue *q, struct job *job, void *(*run)(void *))
{
    AUTO_LOCK(&q->lock);
    if (q->idle == 0 && q->threads < q->threads_max) {
        int result = queue_thread(q, run, job->err);
        if (result != 0 && q->threads == 0) {
            return result;
        }
    }
    *q->last = job;
    q->last = &job->next;
    pthread_cond_signal(&q->work);
    while (!job->done) {
        pthread_cond_wait(&q->ended, &q->lock);
    }
    return job->result;
}

/* ---- mounter -------------------------------------------------------------------------------- */

struct berth_linux_mounter {
    struct queue queue;
};

static int32_t mounter_enter(void *arg, berth_error *err)
{
    if (unshare(CLONE_FS | CLONE_NEWNS) < 0) {
        return berth_error_errno(err, errno,
                                 "cannot give the mounter thread its own mount namespace");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        return berth_error_errno(err, errno, "cannot make the mounter's mounts slaves");
    }
    return 0;
}

static void *mounter_thread(void *arg)
{
    struct queue *q = arg;
    struct job *job;

    while ((job = queue_take(q, 0)) != NULL) {
        queue_finish(q, job, job->function(job->arg, job->err));
    }
    return NULL;
}

int berth_linux_mounter_new(struct berth_linux_mounter **ret_mounter, berth_error *err)
{
    struct berth_linux_mounter *mounter = calloc(1, sizeof(*mounter));

    if (mounter == NULL) {
        return berth_error_no_memory(err);
    }
    queue_init(&mounter->queue, 1);
    int result = berth_linux_mounter_run(mounter, mounter_enter, NULL, err);
    if (result != 0) {
        berth_linux_mounter_free(mounter);
        return result;
    }
    *ret_mounter = mounter;
    return 0;
}

int berth_linux_mounter_run(struct berth_linux_mounter *mounter, berth_linux_job job, void *arg,
                            berth_error *err)
{
    struct job entry = {.function = job, .arg = arg, .netns_fd = -1, .err = err};
    return queue_run(&mounter->queue, &entry, mounter_thread);
}

int berth_linux_mount_clone_of(pid_t pid, const char *path, int *ret_fd, berth_error *err)
{
    char name[64];
    int fd = -1;
    snprintf(name, sizeof(name), "/proc/%d/ns/mnt", (int)pid);
    AUTO_CLOSE int own = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int other = open(name, O_RDONLY | O_CLOEXEC);
    if (own < 0 || other < 0 || setns(other, CLONE_NEWNS) < 0) {
        return berth_error_errno(err, errno, "cannot enter the mounts of process %d", (int)pid);
    }
    int result = berth_linux_mount_clone(AT_FDCWD, path, 0, &fd, err);
    if (setns(own, CLONE_NEWNS) < 0 && result == 0) {
        close(fd);
        result = berth_error_errno(err, errno, "cannot come back from other mounts");
    }
    if (result == 0) {
        *ret_fd = fd;
    }
    return result;
}

void berth_linux_mounter_free(struct berth_linux_mounter *mounter)
{
    if (mounter != NULL) {
        queue_done(&mounter->queue);
        free(mounter);
    }
}

/* ---- network namespaces --------------------------------------------------------------------- */

struct berth_linux_netns_pool {
    struct queue queue;
};

static int32_t loopback_up(berth_error *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        return berth_error_errno(err, errno, "cannot bring a new loopback interface up");
    }
    return 0;
}

static int32_t netns_create(struct job *job)
{
    if (unshare(CLONE_NEWNET) < 0) {
        return berth_error_errno(job->err, errno, "cannot create a network namespace");
    }
    int32_t result = loopback_up(job->err);
    if (result != 0) {
        return result;
    }
    job->netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (job->netns_fd < 0) {
        return berth_error_errno(job->err, errno, "cannot open a network namespace");
    }
    return 0;
}

/* A worker stays in the last namespace only until its job ends: it goes home, so that it keeps no
 * namespace alive. */
static void *netns_thread(void *arg)
{
    struct queue *q = arg;
    struct job *job;
    AUTO_CLOSE int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    while ((job = queue_take(q, IDLE_SECONDS)) != NULL) {
        int32_t result;
        if (home < 0) {
            result =
                berth_error_errno(job->err, ENOENT, "cannot open the host's network namespace");
        } else if (job->function == NULL) {
            result = netns_create(job);
        } else if (setns(job->netns_fd, CLONE_NEWNET) < 0) {
            result = berth_error_errno(job->err, errno, "cannot enter a network namespace");
        } else {
            result = job->function(job->arg, job->err);
        }
        bool lost = home >= 0 && setns(home, CLONE_NEWNET) < 0;
        queue_finish(q, job, result);
        if (lost) {
            AUTO_LOCK(&q->lock); /* it must not serve anybody in a foreign namespace */
            q->threads--;
            pthread_cond_broadcast(&q->ended);
            break;
        }
    }
    return NULL;
}

int berth_linux_netns_pool_new(unsigned int workers, struct berth_linux_netns_pool **ret_pool,
                               berth_error *err)
{
    struct berth_linux_netns_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return berth_error_no_memory(err);
    }
    queue_init(&pool->queue, workers == 0 ? 1 : workers);
    *ret_pool = pool;
    return 0;
}

int berth_linux_netns_run(struct berth_linux_netns_pool *pool, int netns_fd, berth_linux_job job,
                          void *arg, berth_error *err)
{
    struct job entry = {.function = job, .arg = arg, .netns_fd = netns_fd, .err = err};
    return queue_run(&pool->queue, &entry, netns_thread);
}

int berth_linux_netns_new(struct berth_linux_netns_pool *pool, int *ret_fd, berth_error *err)
{
    struct job entry = {.netns_fd = -1, .err = err};
    int result = queue_run(&pool->queue, &entry, netns_thread);

    if (result == 0) {
        *ret_fd = entry.netns_fd;
    }
    return result;
}

void berth_linux_netns_pool_free(struct berth_linux_netns_pool *pool)
{
    if (pool != NULL) {
        queue_done(&pool->queue);
        free(pool);
    }
}
