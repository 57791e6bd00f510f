/* SPDX-License-Identifier: Apache-2.0
 *
 * Image references as Docker reads them: [DOMAIN/]PATH[:TAG][@DIGEST], with "docker.io" and
 * "library/" implied ("debian" is "docker.io/library/debian").
 */
#ifndef BERTH_OCI_REFERENCE_H
#define BERTH_OCI_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define BERTH_OCI_NAME_MAX 255 /* of DOMAIN/PATH (distribution-spec) */
#define BERTH_OCI_TAG_MAX  128

struct berth_reference {
    char *domain; /* "docker.io", "localhost:5000" */
    char *path;   /* "library/debian" */
    char *tag;    /* NULL: none */
    char *digest; /* "sha256:..."; NULL: none */
};

#define AUTO_REFERENCE __attribute__((cleanup(berth_oci_reference_done)))
#define BERTH_REFERENCE_INIT   \
    {                          \
        NULL, NULL, NULL, NULL \
    }

/* Parses and normalises text into *ret. BERTH_E_INVALID with Docker's sentence ("invalid reference
 * format", "... must be lowercase", ...). */
int32_t berth_oci_reference_parse(const char *text, struct berth_reference *ret, berth_error *err);
/* Frees what it owns. */
void berth_oci_reference_done(struct berth_reference *reference);
/* Sets the tag "latest" when there is neither tag nor digest. */
int32_t berth_oci_reference_default_tag(struct berth_reference *reference, berth_error *err);

/* "docker.io/library/debian"; the caller's to free, as all below. NULL: out of memory. */
char *berth_oci_reference_name(const struct berth_reference *reference);
/* The name with tag and digest. */
char *berth_oci_reference_text(const struct berth_reference *reference);
/* "debian", "localhost:5000/x". */
char *berth_oci_reference_familiar_name(const struct berth_reference *reference);
/* The familiar name with tag and digest. */
char *berth_oci_reference_familiar(const struct berth_reference *reference);

/* Does the reference match a pattern of `images --filter reference=`: shell wildcards against the
 * familiar form with and without tag? */
bool berth_oci_reference_matches(const struct berth_reference *reference, const char *pattern);
/* Is text a valid tag? */
bool berth_oci_tag_valid(const char *text);

#endif
