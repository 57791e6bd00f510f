/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the driver "unix" share.
 */
#ifndef UNIX_H
#define UNIX_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <berth/helpers/fail.h>
#include <berth/host.h>
#include <berth/transport.h>

/* An open listener; one that the driver bound itself removes its file at the end. */
struct listener {
    struct listener *next;
    int fd;
    char *path; /* NULL: passed on by the service manager, or abstract */
    dev_t device;
    ino_t inode;
};

struct berth_inst {
    const berth_host *host;
    const char *group;
    mode_t mode;
    pthread_mutex_t lock; /* guards all below */
    struct listener *listeners;
    uint64_t claimed; /* bit n: LISTEN_FDS's fd 3 + n was handed out */
};

/* The address of a unix:// URL. */
int32_t unix_address(const char *url, struct sockaddr_un *ret_address, socklen_t *ret_length,
                     berth_error *err);

/* berth_transport_ops.listen and .unlisten */
int32_t unix_listen(berth_inst *inst, berth_op *op, const berth_transport_listen_req *req,
                    int32_t *ret_fd, berth_error *err);
int32_t unix_unlisten(berth_inst *inst, int32_t listen_fd, berth_error *err);

/* A listener from the service manager: fd://, fd://NUMBER or fd://NAME. */
int32_t unix_inherit(berth_inst *inst, const char *which, int *ret_fd, berth_error *err);

#endif
