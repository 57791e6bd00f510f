/* SPDX-License-Identifier: Apache-2.0
 *
 * Scope cleanup by attribute: a local marked AUTO_* is released when its scope ends. TAKE_PTR and
 * TAKE_FD hand the resource over and leave an empty value behind.
 */
#ifndef BERTH_BASE_CLEANUP_H
#define BERTH_BASE_CLEANUP_H

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void berth_cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void berth_cleanup_close(const int *fd)
{
    /* never retried on EINTR: Linux has freed the number by then (close(2)) */
    if (*fd >= 0) {
        close(*fd);
    }
}

static inline void berth_cleanup_dir(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

static inline void berth_cleanup_file(FILE **file)
{
    if (*file != NULL) {
        fclose(*file);
    }
}

static inline void berth_cleanup_unlock(pthread_mutex_t **mutex)
{
    if (*mutex != NULL) {
        pthread_mutex_unlock(*mutex);
    }
}

static inline pthread_mutex_t *berth_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    return mutex;
}

#define AUTO(function)      __attribute__((cleanup(function)))
#define AUTO_FREE           AUTO(berth_cleanup_free)
#define AUTO_CLOSE          AUTO(berth_cleanup_close)
#define AUTO_DIR            AUTO(berth_cleanup_dir)
#define AUTO_FILE           AUTO(berth_cleanup_file)
#define BERTH_CONCAT_(a, b) a##b
#define BERTH_CONCAT(a, b)  BERTH_CONCAT_(a, b)

/* Holds the mutex until the end of the scope. */
#define AUTO_LOCK(mutex)       \
    AUTO(berth_cleanup_unlock) \
    pthread_mutex_t *BERTH_CONCAT(auto_lock_, __LINE__) __attribute__((unused)) = berth_lock(mutex)

#define TAKE_PTR(pointer)                       \
    ({                                          \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    })
#define TAKE_FD(fd)        \
    ({                     \
        int taken_ = (fd); \
        (fd) = -1;         \
        taken_;            \
    })

/* Frees what the pointer holds and stores the new value. */
static inline void berth_replace(char **slot, char *value)
{
    free(*slot);
    *slot = value;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
