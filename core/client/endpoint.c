/* SPDX-License-Identifier: Apache-2.0
 *
 * From flags, environment and context to the one place to connect to.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "client/context.h"

void berth_endpoint_done(struct berth_endpoint *endpoint)
{
    free(endpoint->context);
    free(endpoint->host);
    free(endpoint->ca);
    free(endpoint->cert);
    free(endpoint->key);
    *endpoint = (struct berth_endpoint){0};
}

/* DIRECTORY/NAME when that file exists. */
static char *tls_file(const char *directory, const char *name)
{
    char *path = berth_format("%s/%s", directory, name);
    if (path != NULL && access(path, R_OK) != 0) {
        free(path);
        return NULL;
    }
    return path;
}

static char *tls_choice(const char *flag, const char *directory, const char *name)
{
    return berth_str_empty(flag) ? tls_file(directory, name) : strdup(flag);
}

/* TLS for a host given by flag or environment: --tls*, DOCKER_TLS, DOCKER_TLS_VERIFY,
 * DOCKER_CERT_PATH. */
static void resolve_flag_tls(const struct berth_config *config,
                             const struct berth_endpoint_options *options,
                             struct berth_endpoint *endpoint)
{
    const char *verify = getenv("DOCKER_TLS_VERIFY");
    const char *tls = getenv("DOCKER_TLS");
    const char *directory = getenv("DOCKER_CERT_PATH");
    directory = berth_str_empty(directory) ? config->directory : directory;
    endpoint->tls_verify = options->tls_verify || !berth_str_empty(verify);
    endpoint->tls = options->tls || endpoint->tls_verify || !berth_str_empty(tls);
    if (endpoint->tls) {
        endpoint->ca = tls_choice(options->ca, directory, "ca.pem");
        endpoint->cert = tls_choice(options->cert, directory, "cert.pem");
        endpoint->key = tls_choice(options->key, directory, "key.pem");
    }
}

static void resolve_context_tls(const struct berth_context *context,
                                struct berth_endpoint *endpoint)
{
    AUTO_FREE char *directory = berth_format("%s/docker", context->tls_directory);
    if (directory == NULL) {
        return;
    }
    endpoint->ca = tls_file(directory, "ca.pem");
    endpoint->cert = tls_file(directory, "cert.pem");
    endpoint->key = tls_file(directory, "key.pem");
    endpoint->tls = endpoint->ca != NULL || endpoint->cert != NULL || context->skip_tls_verify;
    endpoint->tls_verify = endpoint->tls && !context->skip_tls_verify;
}

int32_t berth_endpoint_resolve(const struct berth_config *config,
                               const struct berth_endpoint_options *options,
                               struct berth_endpoint *ret_endpoint, berth_error *err)
{
    struct berth_endpoint endpoint = {0};
    struct berth_context *context = NULL;
    bool named = !berth_str_empty(options->context);
    if (options->hosts->count > 0 && named) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "conflicting options: cannot specify both --host and --context");
    }
    if (options->hosts->count > 1) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "specify only one -H");
    }
    int32_t code = berth_context_current(config, options, &endpoint.context, err);
    if (code == 0) {
        code = berth_context_load(config, endpoint.context, &context, err);
    }
    if (code != 0) {
        berth_endpoint_done(&endpoint);
        return code;
    }
    if (context->meta == NULL) {
        resolve_flag_tls(config, options, &endpoint);
    } else {
        resolve_context_tls(context, &endpoint);
    }
    const char *host = options->hosts->count > 0 ? options->hosts->items[0] : context->host;
    code = berth_client_host_parse(host, endpoint.tls, &endpoint.host, err);
    berth_context_free(context);
    if (code != 0) {
        berth_endpoint_done(&endpoint);
        return code;
    }
    *ret_endpoint = endpoint;
    return 0;
}
