/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to the daemon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "client/client.h"

static int32_t dial_unix(const char *path, int *ret_fd, berth_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "the socket's path is over %zu bytes: %s",
                               sizeof(address.sun_path) - 1, path);
    }
    memcpy(address.sun_path, path, strlen(path));
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return berth_error_errno(err, errno, "connecting to %s", path);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int32_t berth_client_dial(const struct berth_endpoint *endpoint, const char *product, int *ret_fd,
                          berth_error *err)
{
    berth_error reason = BERTH_ERROR_INIT;
    int32_t code = 0;
    if (berth_str_starts(endpoint->host, "unix://")) {
        code = dial_unix(endpoint->host + strlen("unix://"), ret_fd, &reason);
    } else {
        code =
            berth_error_set(&reason, BERTH_E_UNSUPPORTED, 0,
                            "no transport driver for %s: only unix:// is built in", endpoint->host);
    }
    if (code == BERTH_E_FORBIDDEN) {
        return berth_error_set(err, code, reason.sys_errno,
                               "permission denied while trying to connect to the %s daemon socket "
                               "at %s",
                               product, endpoint->host);
    }
    if (code == BERTH_E_NOT_FOUND || reason.sys_errno == ECONNREFUSED) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0,
                               "Cannot connect to the %s daemon at %s. Is the %s daemon running?",
                               product, endpoint->host,
                               strcmp(product, "Docker") == 0 ? "docker" : "berth");
    }
    return code != 0 ? berth_error_move(err, &reason) : 0;
}
