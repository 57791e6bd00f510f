/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of -H and DOCKER_HOST.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "client/context.h"

#define PLAIN_PORT "2375"
#define TLS_PORT   "2376"

static int32_t invalid(const char *text, const char *why, berth_error *err)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "unable to parse docker host `%.200s`: %s",
                           text, why);
}

/* "host:port/prefix" with what is missing filled in. */
static int32_t parse_tcp(const char *text, const char *rest, bool tls, char **ret_url,
                         berth_error *err)
{
    const char *port = tls ? TLS_PORT : PLAIN_PORT;
    const char *path = strchrnul(rest, '/');
    size_t length = (size_t)(path - rest);
    if (length > 255) {
        return invalid(text, "the host name is too long", err);
    }
    char address[256];
    memcpy(address, rest, length);
    address[length] = '\0';
    char *bracket = strrchr(address, ']');
    char *colon = strchr(bracket != NULL ? bracket : address, ':');
    if (colon != NULL && bracket == NULL && strchr(colon + 1, ':') != NULL) {
        return invalid(text, "an IPv6 address needs brackets", err);
    }
    int64_t number = 0;
    if (colon != NULL && colon[1] != '\0') {
        if (!berth_str_to_int64(colon + 1, &number) || number < 1 || number > 65535) {
            return invalid(text, "the port is not a number from 1 to 65535", err);
        }
        port = colon + 1;
    }
    if (colon != NULL) {
        *colon = '\0';
    }
    char *url = berth_format("tcp://%s:%s%s", *address != '\0' ? address : "localhost", port, path);
    if (url == NULL) {
        return berth_error_no_memory(err);
    }
    *ret_url = url;
    return 0;
}

int32_t berth_client_host_parse(const char *text, bool tls, char **ret_url, berth_error *err)
{
    const char *scheme_end = strstr(text, "://");
    char *url = NULL;
    if (*text == '\0' || strcmp(text, "unix://") == 0) {
        url = strdup(BERTH_CLIENT_DEFAULT_HOST);
    } else if (*text == '/') {
        url = berth_format("unix://%s", text);
    } else if (scheme_end == NULL) {
        return parse_tcp(text, text, tls, ret_url, err);
    } else if (berth_str_starts(text, "tcp://")) {
        return parse_tcp(text, text + 6, tls, ret_url, err);
    } else if (scheme_end == text || scheme_end[3] == '\0') {
        return invalid(text, "a scheme and an address are needed, as in unix:///run/x.sock", err);
    } else {
        url = strdup(text); /* the scheme's driver knows the rest */
    }
    if (url == NULL) {
        return berth_error_no_memory(err);
    }
    *ret_url = url;
    return 0;
}
