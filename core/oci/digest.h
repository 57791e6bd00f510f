/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256 digests: computing, checking their text form, and chain IDs (OCI image-spec, config.md).
 */
#ifndef BERTH_OCI_DIGEST_H
#define BERTH_OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BERTH_SHA256_HEX 65 /* 64 digits and the NUL */

/* A running computation; plain memory, so it may be copied or stored to go on later. */
struct berth_sha256 {
    uint32_t state[32];
};

/* Starts a computation. libcrypto is loaded by the first call in a process (1.5 MB that an idle
 * daemon does not pay). BERTH_E_UNAVAILABLE: it cannot be loaded. Any thread. */
int32_t berth_oci_sha256_init(struct berth_sha256 *sha256, berth_error *err);
/* Adds bytes to an init'ed computation. */
void berth_oci_sha256_update(struct berth_sha256 *sha256, const void *data, size_t length);
/* Ends it and writes lower case digits. */
void berth_oci_sha256_final(struct berth_sha256 *sha256, char ret_hex[BERTH_SHA256_HEX]);
/* All three for a piece of memory. */
int32_t berth_oci_sha256_of(const void *data, size_t length, char ret_hex[BERTH_SHA256_HEX],
                            berth_error *err);

/* Are these 64 lower case hex digits? */
bool berth_oci_hex_valid(const char *hex);
/* The digits of "sha256:<64 digits>"; NULL when digest is anything else (or NULL). Borrowed. */
const char *berth_oci_digest_hex(const char *digest);

/* The chain ID (without "sha256:") of a layer: its diff ID on the chain ID of what is below; parent
 * NULL or "": the lowest layer. diff_id is "sha256:...". BERTH_E_INVALID: bad digest text. */
int32_t berth_oci_chain_id(const char *parent, const char *diff_id, char ret_hex[BERTH_SHA256_HEX],
                           berth_error *err);

#endif
