/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what the client reads from a daemon: head, chunked body, trailers.
 */
#include "base/buffer.h"
#include "http/client.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    struct berth_http_client *client = NULL;
    berth_error err;
    if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return 0;
    }
    /* Everything fits into the socket's buffer: one thread plays both sides. */
    if (write(pair[1], data, size) != (ssize_t)size || shutdown(pair[1], SHUT_WR) < 0 ||
        berth_http_client_new(pair[0], "docker", &client, &err) < 0) {
        close(pair[0]);
        close(pair[1]);
        return 0;
    }
    struct berth_http_call call = {.method = "GET", .target = "/_ping"};
    struct berth_http_reply reply;
    memset(&reply, 0, sizeof reply);
    if (berth_http_client_send(client, &call, &reply, &err) == 0) {
        char buffer[4096];
        while (berth_http_client_read(client, buffer, sizeof buffer, &err) > 0) {
        }
        berth_http_reply_done(&reply);
    }
    berth_http_client_free(client);
    close(pair[1]);
    return 0;
}
