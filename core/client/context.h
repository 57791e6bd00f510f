/* SPDX-License-Identifier: Apache-2.0
 *
 * Which daemon to talk to. Contexts are Docker's own store on disk
 * (CONFIG/contexts/meta/SHA256(name)/meta.json), so `docker context` and `berth context` see the
 * same ones.
 */
#ifndef BERTH_CLIENT_CONTEXT_H
#define BERTH_CLIENT_CONTEXT_H

#include <stdbool.h>

#include "base/json.h"
#include "client/config.h"

#define BERTH_CLIENT_DEFAULT_HOST "unix:///run/berth/berth.sock"
#define BERTH_CONTEXT_DEFAULT     "default"

struct berth_context {
    char *name;
    char *description;
    char *host;               /* "unix:///...", "tcp://host:port", "ssh://..." */
    bool skip_tls_verify;     /* of the stored endpoint */
    char *tls_directory;      /* where ca.pem, cert.pem, key.pem may stand; NULL: no such place */
    char *meta_directory;     /* NULL: the default context, which is not on disk */
    struct json_object *meta; /* the whole meta.json; NULL for the default context */
};

/* The global flags that choose the endpoint; empty strings: not given. */
struct berth_endpoint_options {
    const char *context;
    const struct berth_strv *hosts; /* every -H */
    bool tls, tls_verify;
    const char *ca, *cert, *key;
};

/* Where to connect, after all is resolved. */
struct berth_endpoint {
    char *context; /* its name */
    char *host;    /* URL */
    bool tls, tls_verify;
    char *ca, *cert, *key; /* files; NULL: none */
};

/* Turns what people write after -H into a URL: "", "unix://", "/path", "host:port", "tcp://host",
 * "ssh://user@host". The caller's to free. BERTH_E_INVALID for what makes no sense. */
int32_t berth_client_host_parse(const char *text, bool tls, char **ret_url, berth_error *err);

/* The name of the context in use: --context, then "default" for -H, BERTH_HOST, BERTH_CONTEXT,
 * DOCKER_HOST, DOCKER_CONTEXT, currentContext, "default". The caller's to free. */
int32_t berth_context_current(const struct berth_config *config,
                              const struct berth_endpoint_options *options, char **ret_name,
                              berth_error *err);

/* Loads one context by name. BERTH_E_NOT_FOUND in Docker's words. The caller's:
 * berth_context_free(). */
int32_t berth_context_load(const struct berth_config *config, const char *name,
                           struct berth_context **ret_context, berth_error *err);
void berth_context_free(struct berth_context *context);

/* The names of all contexts, "default" first, the rest sorted. */
int32_t berth_context_list(const struct berth_config *config, struct berth_strv *names,
                           berth_error *err);

/* Resolves everything. Reads files, does not connect. The caller's: berth_endpoint_done(). */
int32_t berth_endpoint_resolve(const struct berth_config *config,
                               const struct berth_endpoint_options *options,
                               struct berth_endpoint *ret_endpoint, berth_error *err);
void berth_endpoint_done(struct berth_endpoint *endpoint);

#endif
