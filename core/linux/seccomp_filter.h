/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp profiles to BPF. A library of its own (linux_seccomp_dep), so that only who compiles
 * profiles links libseccomp. Pure computation of a few milliseconds: cache the result by
 * berth_linux_seccomp_key(). Any thread.
 */
#ifndef BERTH_LINUX_SECCOMP_FILTER_H
#define BERTH_LINUX_SECCOMP_FILTER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Compiles a profile for this machine's architecture (and its compatible ones) and a capability
 * set. profile: the text of a Docker seccomp profile (JSON), NULL: Docker's default allow-list.
 * *ret_program: malloc'd array of 8-byte instructions for the shim's spec, *ret_length in bytes.
 * INVALID: "decoding seccomp profile failed: ..." and the like. */
int berth_linux_seccomp_compile(const char *profile, uint64_t capabilities, void **ret_program,
                                size_t *ret_length, berth_error *err);

/* A name (64 hex digits and NUL) for the result of compile: same key, same program. Covers the
 * profile, the capabilities, the kernel's release and this library's version. */
void berth_linux_seccomp_key(const char *profile, uint64_t capabilities, char ret_key[65]);

/* Whether this kernel can filter at all. */
int berth_linux_seccomp_supported(void);

#endif
