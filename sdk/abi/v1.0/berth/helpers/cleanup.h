/* SPDX-License-Identifier: Apache-2.0
 *
 * Scope cleanup by attribute for drivers. Header-only, not part of the ABI.
 */
#ifndef BERTH_HELPERS_CLEANUP_H
#define BERTH_HELPERS_CLEANUP_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/* Frees what the pointer variable holds. For BERTH_AUTO_FREE. */
static inline void berth_auto_free(void *pointer)
{
    free(*(void **)pointer);
}

/* Closes the fd unless it is negative. For BERTH_AUTO_CLOSE. */
static inline void berth_auto_close(const int *fd)
{
    /* never retried on EINTR: Linux has freed the number by then (close(2)) */
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Closes the stream unless it is NULL. For BERTH_AUTO_DIR. */
static inline void berth_auto_dir(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

/* Marks a local that is released when its scope ends. */
#define BERTH_AUTO_FREE  __attribute__((cleanup(berth_auto_free)))
#define BERTH_AUTO_CLOSE __attribute__((cleanup(berth_auto_close)))
#define BERTH_AUTO_DIR   __attribute__((cleanup(berth_auto_dir)))

/* Hands an fd over and leaves -1 behind. */
static inline int berth_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#endif
