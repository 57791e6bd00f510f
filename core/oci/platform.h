/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms: "os/arch[/variant]", normalised as containerd does, and how well one serves another.
 */
#ifndef BERTH_OCI_PLATFORM_H
#define BERTH_OCI_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct berth_platform {
    char os[32];
    char architecture[32];
    char variant[16]; /* "": none */
};

/* Parses "os", "arch" (linux implied), "os/arch" or "os/arch/variant". BERTH_E_INVALID: anything
 * else. */
int32_t berth_oci_platform_parse(const char *text, struct berth_platform *ret, berth_error *err);
/* What this machine runs. */
void berth_oci_platform_host(struct berth_platform *ret);
/* Makes one from parts (NULL: empty), normalised: x86_64 is amd64, arm64/v8 is arm64 ... */
void berth_oci_platform_make(const char *os, const char *architecture, const char *variant,
                             struct berth_platform *ret);
/* "linux/arm/v7" into text. */
void berth_oci_platform_text(const struct berth_platform *platform, char ret_text[84]);
/* How well an image for `offered` serves `wanted`: 0 not at all, higher is better. */
int berth_oci_platform_score(const struct berth_platform *wanted,
                             const struct berth_platform *offered);

#endif
