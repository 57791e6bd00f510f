/* SPDX-License-Identifier: Apache-2.0
 *
 * Real containers for the shim's tests: a busybox root in a temporary directory, a spec as the
 * daemon would fill it, and what comes back over the control channel.
 */
#ifndef BERTH_TEST_SHIM_RIG_H
#define BERTH_TEST_SHIM_RIG_H

#include "shim/protocol.h"

#include <stdbool.h>

struct rig {
    char dir[64];  /* everything is below it */
    char root[96]; /* the container's root */
    char state[96];
    char log[128];
    int program; /* the shim */
    int control; /* -1: none */
    int state_fd;
    pid_t shim;
    struct berth_shim_spec spec;
    struct berth_shim_mount mounts[16];
    struct berth_shim_namespace namespaces[8];
    struct berth_shim_device devices[8];
    struct berth_shim_cgroup_dir dirs[16];
    struct berth_shim_client clients[4];
    char *argv[8];
    char *env[8];
    struct berth_shim_message started, exited, failed;
    char sentence[512];
    uint32_t closed_reason; /* of the last CLIENT_CLOSED */
    uint64_t serial;
};

/* Makes the root and a spec that runs argv with Docker's usual mounts; v1 cgroups when the host
 * has them. */
void rig_init(struct rig *r);
/* sh -c script */
void rig_shell(struct rig *r, const char *script);
void rig_argv(struct rig *r, const char *first, const char *second);
/* A client from the first byte on; returns our end of the connection. */
int rig_client(struct rig *r, uint32_t flags);
void rig_launch(struct rig *r);
/* Reads messages until one of that type came (or the peer closed: false). */
bool rig_wait(struct rig *r, uint32_t type);
/* Sends a request and waits for its RESULT's errno. fd: -1 = none. */
int rig_request(struct rig *r, struct berth_shim_message *message, int fd);
/* launch, wait for the end, release; returns the exit code. */
int rig_run(struct rig *r);
/* Waits for the shim's own end. */
void rig_reap(struct rig *r);
/* Text of the log file with only the "log" values (newline escapes kept). Static buffer. */
const char *rig_log(struct rig *r);
/* Reads from a client until EOF. Static buffer; *ret_length may be NULL. */
const char *rig_read(int fd, size_t *ret_length);
/* Removes everything; fails the test when cgroups, mounts or processes are left. */
void rig_done(struct rig *r);

#endif
