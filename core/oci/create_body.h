/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of POST /containers/create: the members of ContainerConfig with HostConfig and
 * NetworkingConfig beside them.
 */
#ifndef BERTH_OCI_CREATE_BODY_H
#define BERTH_OCI_CREATE_BODY_H

#include "oci/container_config.h"
#include "oci/host_config.h"
#include "oci/network_config.h"

struct berth_create_body {
    struct berth_container_config config;
    struct berth_host_config host;
    struct berth_networking_config networking;
};

#define AUTO_CREATE_BODY __attribute__((cleanup(berth_oci_create_body_done)))

/* Makes body empty with unset tristates and optional numbers. */
void berth_oci_create_body_init(struct berth_create_body *body);
/* Frees what it owns and inits it again. */
void berth_oci_create_body_done(struct berth_create_body *body);
/* Reads json into an init'ed body. BERTH_E_INVALID names the wrong field; the body may then be
 * partly filled. */
int32_t berth_oci_create_body_read(struct json_object *json, struct berth_create_body *body,
                                   berth_error *err);
/* The JSON for an API version; the caller's: json_object_put(). NULL: out of memory. */
struct json_object *berth_oci_create_body_write(const struct berth_create_body *body, int version);

#endif
