/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets that the service manager opened for us: $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES of
 * sd_listen_fds(3), fds from 3 on.
 */
#include "unix.h"

#include <fcntl.h>
#include <unistd.h>

#define FIRST_FD 3
#define MAX_FDS  64 /* bits of berth_inst.claimed */

/* A whole decimal number, or -1. */
static long to_number(const char *text)
{
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return -1;
    }
    long number = strtol(text, &end, 10);
    return *end == '\0' ? number : -1;
}

static int count_fds(void)
{
    long count = to_number(getenv("LISTEN_FDS"));
    if (to_number(getenv("LISTEN_PID")) != (long)getpid() || count <= 0) {
        return 0;
    }
    return count < MAX_FDS ? (int)count : MAX_FDS;
}

/* Is `name` the index'th of "a:b:c"? */
static bool has_name(int index, const char *name)
{
    const char *at = getenv("LISTEN_FDNAMES");
    for (int i = 0; at != NULL && i < index; i++) {
        at = strchr(at, ':');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL && strcspn(at, ":") == strlen(name) && strncmp(at, name, strlen(name)) == 0;
}

static bool matches(int index, const char *which)
{
    return which[0] == '\0' || to_number(which) == index + FIRST_FD || has_name(index, which);
}

static int32_t prepare(int fd, berth_error *err)
{
    int listening = 0;
    socklen_t length = sizeof(listening);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 ||
        !listening) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "fd %d from the service manager is not a listening socket", fd);
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot prepare fd %d from the service manager", fd);
    }
    return 0;
}

int32_t unix_inherit(berth_inst *inst, const char *which, int *ret_fd, berth_error *err)
{
    int count = count_fds(), found = -1;
    bool claimed = false;
    pthread_mutex_lock(&inst->lock);
    for (int i = 0; i < count && found < 0; i++) {
        if (matches(i, which)) {
            claimed = (inst->claimed >> i & 1) != 0;
            found = claimed ? -1 : i;
        }
    }
    if (found >= 0) {
        inst->claimed |= UINT64_C(1) << found;
    }
    pthread_mutex_unlock(&inst->lock);
    if (found < 0) {
        return berth_fail(err, BERTH_E_NOT_FOUND, 0,
                          "the service manager passed %s socket for fd://%s (%d passed)",
                          claimed ? "no further" : "no", which, count);
    }
    int32_t result = prepare(found + FIRST_FD, err);
    if (result == 0) {
        *ret_fd = found + FIRST_FD;
    }
    return result;
}
