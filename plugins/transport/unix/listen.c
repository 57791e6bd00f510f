/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners of the driver "unix". A socket file that nobody serves any more is replaced, one that
 * somebody serves never.
 */
#include "unix.h"

#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <berth/helpers/cleanup.h>

/* The group by name or number; -1: leave it. */
static int32_t find_group(const char *name, gid_t *ret_gid, berth_error *err)
{
    struct group entry, *found = NULL;
    char buffer[4096], *end;
    *ret_gid = (gid_t)-1;
    if (name[0] == '\0') {
        return 0;
    }
    if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        *ret_gid = found->gr_gid;
        return 0;
    }
    unsigned long number = strtoul(name, &end, 10);
    if (*end == '\0' && name[0] >= '0' && name[0] <= '9' && number < UINT32_MAX) {
        *ret_gid = (gid_t)number;
        return 0;
    }
    return berth_fail(err, BERTH_E_NOT_FOUND, 0, "group %s for the socket does not exist", name);
}

/* Where to listen. */
struct place {
    const char *url;
    struct sockaddr_un address;
    socklen_t length;
    gid_t group; /* -1: unchanged */
};

/* Removes what stands at the address if it is a socket that nobody serves. The folder is locked. */
static int32_t clear_stale(const struct place *place, berth_error *err)
{
    struct stat status;
    const struct sockaddr_un *address = &place->address;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? 0 : BERTH_FAIL_ERRNO(err, errno, "cannot look at %s", place->url);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return berth_fail(err, BERTH_E_CONFLICT, 0, "%s exists and is not a socket",
                          address->sun_path);
    }
    BERTH_AUTO_CLOSE int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make a socket");
    }
    /* only a refusal proves that nobody has it; a full queue (EAGAIN) proves that somebody has */
    if (connect(probe, (const struct sockaddr *)address, place->length) == 0 ||
        errno != ECONNREFUSED) {
        return berth_fail(err, BERTH_E_CONFLICT, 0,
                          "%s is served by another process: stop it or choose another address",
                          place->url);
    }
    if (unlink(address->sun_path) != 0 && errno != ENOENT) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot remove the dead socket %s", address->sun_path);
    }
    return 0;
}

/* Binds with no permissions at all, then hands it to the group, then opens it: at no moment can
 * anybody connect who should not. (The socket inode's mode before bind is what bind gives the
 * file, less the umask, which is the process's and must not be changed.) */
static int32_t bind_file(berth_inst *inst, int fd, const struct place *place, berth_error *err)
{
    const char *path = place->address.sun_path;
    fchmod(fd, 0600);
    if (bind(fd, (const struct sockaddr *)&place->address, place->length) != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot bind %s", place->url);
    }
    if ((place->group != (gid_t)-1 && lchown(path, (uid_t)-1, place->group) != 0) ||
        chmod(path, inst->mode) != 0) {
        int code = errno;
        unlink(path);
        return BERTH_FAIL_ERRNO(err, code, "cannot set owner and mode of %s", place->url);
    }
    return 0;
}

static int32_t bind_path(berth_inst *inst, int fd, struct place *place, berth_error *err)
{
    char copy[sizeof(place->address.sun_path) + 1];
    int32_t result = find_group(inst->group, &place->group, err);
    if (result < 0) {
        return result;
    }
    snprintf(copy, sizeof(copy), "%s", place->address.sun_path);
    const char *folder = dirname(copy);
    BERTH_AUTO_CLOSE int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open the folder of %s", place->url);
    }
    if (flock(lock, LOCK_EX) != 0) { /* against another server that starts right now */
        return BERTH_FAIL_ERRNO(err, errno, "cannot lock the folder of %s", place->url);
    }
    result = clear_stale(place, err);
    return result < 0 ? result : bind_file(inst, fd, place, err);
}

static int32_t listen_unix(berth_inst *inst, const berth_transport_listen_req *req,
                           struct listener *listener, berth_error *err)
{
    struct place place = {.url = req->url};
    struct stat status;
    int32_t result = unix_address(req->url, &place.address, &place.length, err);
    if (result < 0) {
        return result;
    }
    const char *path = place.address.sun_path;
    bool file = path[0] != '\0';
    BERTH_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make a socket");
    }
    if (file) {
        result = bind_path(inst, fd, &place, err);
    } else if (bind(fd, (const struct sockaddr *)&place.address, place.length) != 0) {
        result = BERTH_FAIL_ERRNO(err, errno, "cannot bind %s", req->url);
    }
    if (result < 0) {
        return result;
    }
    if (file && lstat(path, &status) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
        listener->path = strdup(path);
    }
    if (listen(fd, req->backlog != 0 ? (int)req->backlog : SOMAXCONN) != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot listen on %s", req->url);
    }
    listener->fd = berth_take_fd(&fd);
    return 0;
}

int32_t unix_listen(berth_inst *inst, berth_op *op, const berth_transport_listen_req *req,
                    int32_t *ret_fd, berth_error *err)
{
    (void)op;
    struct listener *listener = (struct listener *)calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    int32_t result = strncmp(req->url, "fd://", 5) == 0
                         ? unix_inherit(inst, req->url + 5, &listener->fd, err)
                         : listen_unix(inst, req, listener, err);
    if (result < 0) {
        free(listener->path);
        free(listener);
        return result;
    }
    *ret_fd = listener->fd;
    pthread_mutex_lock(&inst->lock);
    listener->next = inst->listeners;
    inst->listeners = listener;
    pthread_mutex_unlock(&inst->lock);
    return 0;
}

int32_t unix_unlisten(berth_inst *inst, int32_t listen_fd, berth_error *err)
{
    struct stat status;
    pthread_mutex_lock(&inst->lock);
    struct listener **at = &inst->listeners;
    while (*at != NULL && (*at)->fd != listen_fd) {
        at = &(*at)->next;
    }
    struct listener *listener = *at;
    if (listener != NULL) {
        *at = listener->next;
    }
    pthread_mutex_unlock(&inst->lock);
    if (listener == NULL) {
        return berth_fail(err, BERTH_E_NOT_FOUND, 0, "fd %d is not a listener of this driver",
                          listen_fd);
    }
    /* the file may have been replaced by another server meanwhile: then it is not ours */
    if (listener->path != NULL && lstat(listener->path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode) {
        unlink(listener->path);
    }
    close(listener->fd);
    free(listener->path);
    free(listener);
    return 0;
}
