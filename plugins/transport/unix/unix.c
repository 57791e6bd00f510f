/* SPDX-License-Identifier: Apache-2.0
 *
 * Transport driver "unix": local stream sockets (unix:///path, unix://@abstract) and sockets that
 * the service manager passed on (fd://, fd://NUMBER, fd://NAME; sd_listen_fds(3)).
 */
#include "unix.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <berth/helpers/cleanup.h>
#include <berth/helpers/log.h>

#define DIAL_TIMEOUT_MS 30000u

int32_t unix_address(const char *url, struct sockaddr_un *ret_address, socklen_t *ret_length,
                     berth_error *err)
{
    const char *path = url + strlen("unix://");
    size_t length;
    if (strncmp(url, "unix://", strlen("unix://")) != 0 || (path[0] != '/' && path[0] != '@')) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "'%s' is not a local socket: wanted unix:///absolute/path", url);
    }
    length = strlen(path);
    if (length >= sizeof(ret_address->sun_path)) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "the path of %s has %zu bytes; a local socket's has at most %zu", url,
                          length, sizeof(ret_address->sun_path) - 1);
    }
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, path, length);
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (path[0] == '@') {
        ret_address->sun_path[0] = '\0'; /* abstract: unix(7) */
    } else {
        (*ret_length)++;
    }
    return 0;
}

static int32_t unix_dial(berth_inst *inst, berth_op *op, const berth_transport_dial_req *req,
                         int32_t *ret_fd, berth_error *err)
{
    struct sockaddr_un address;
    socklen_t length = 0;
    uint32_t timeout = req->timeout_ms != 0 ? req->timeout_ms : DIAL_TIMEOUT_MS;
    struct timeval limit = {(time_t)(timeout / 1000), (suseconds_t)(timeout % 1000) * 1000};
    struct timeval none = {0, 0};
    int32_t result = unix_address(req->url, &address, &length, err);
    (void)inst;
    (void)op;
    if (result < 0) {
        return result;
    }
    BERTH_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot make a socket");
    }
    /* connect waits while the listener's queue is full, for as long as the send timeout says */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&address, length) != 0) {
        switch (errno) {
        case ECONNREFUSED:
            return berth_fail(err, BERTH_E_UNAVAILABLE, errno, "nobody listens on %s", req->url);
        case EAGAIN:
            return berth_fail(err, BERTH_E_TIMEOUT, 0, "%s did not answer within %u ms", req->url,
                              timeout);
        default:
            return BERTH_FAIL_ERRNO(err, errno, "cannot connect to %s", req->url);
        }
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
    *ret_fd = berth_take_fd(&fd);
    return 0;
}

static void fill_peer(int fd, berth_transport_peer *peer)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    snprintf(peer->address, sizeof(peer->address), "@");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 &&
        credentials.uid != (uid_t)-1) {
        peer->flags = BERTH_PEER_CREDENTIALS | BERTH_PEER_ENCRYPTED;
        peer->uid = credentials.uid;
        peer->gid = credentials.gid;
        peer->pid = credentials.pid;
    }
}

static int32_t unix_accept(berth_inst *inst, int32_t listen_fd, int32_t *ret_fd,
                           berth_transport_peer *ret_peer, berth_error *err)
{
    (void)inst;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        bool nothing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        int32_t code = berth_fail(err, BERTH_E_UNAVAILABLE, errno, "cannot take a connection");
        if (nothing && err != NULL) {
            err->flags |= BERTH_ERROR_RETRY;
        }
        return code;
    }
    fill_peer(fd, ret_peer);
    *ret_fd = fd;
    return 0;
}

static int32_t unix_open(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                         berth_error *err)
{
    const char *mode = host->cfg_str(cfg, "mode");
    const char *group = host->cfg_str(cfg, "group");
    char *end;
    unsigned long bits = strtoul(mode, &end, 8);
    if (*end != '\0' || end == mode || bits > 0777) {
        return berth_fail(err, BERTH_E_INVALID, 0,
                          "parameter 'mode' is '%s'; wanted: octal, as 0660", mode);
    }
    berth_inst *inst = (berth_inst *)calloc(1, sizeof(*inst));
    if (inst == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    pthread_mutex_init(&inst->lock, NULL);
    inst->host = host;
    inst->mode = (mode_t)bits;
    inst->group = group;
    *ret_inst = inst;
    return 0;
}

static void unix_close(berth_inst *inst)
{
    if (inst != NULL) {
        while (inst->listeners != NULL) {
            unix_unlisten(inst, inst->listeners->fd, NULL);
        }
        pthread_mutex_destroy(&inst->lock);
        free(inst);
    }
}

static const berth_param unix_params[] = {
    {"group", "str", "", "group that owns the sockets, by name or number (empty: unchanged)", 0, 0},
    {"mode", "str", "0660", "permissions of the sockets, octal", 0, 0},
};

static const char *const unix_schemes[] = {"unix", "fd", NULL};

static const berth_transport_ops unix_ops = {
    .struct_size = sizeof(unix_ops),
    .caps = BERTH_TRANSPORT_LISTEN | BERTH_TRANSPORT_DIAL,
    .schemes = unix_schemes,
    .listen = unix_listen,
    .accept = unix_accept,
    .unlisten = unix_unlisten,
    .dial = unix_dial,
};

static const berth_plugin unix_plugin = {
    .struct_size = sizeof(unix_plugin),
    .magic = BERTH_MAGIC,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .kind = BERTH_KIND_TRANSPORT,
    .threads = BERTH_THREADS_PARALLEL,
    .n_params = sizeof(unix_params) / sizeof(unix_params[0]),
    .name = "unix",
    .version = BERTH_VERSION,
    .summary = "local sockets and sockets from the service manager",
    .license = "Apache-2.0",
    .params = unix_params,
    .ops.transport = &unix_ops,
    .open = unix_open,
    .close = unix_close,
};

BERTH_PLUGIN(unix_plugin)
