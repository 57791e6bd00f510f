/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests: Docker schema 2 and OCI image manifests, Docker manifest lists and OCI indexes, and
 * the manifest.json of docker archives.
 */
#ifndef BERTH_OCI_MANIFEST_H
#define BERTH_OCI_MANIFEST_H

#include "base/json.h"
#include "oci/platform.h"

#define BERTH_OCI_MANIFEST_MAX    (4 << 20) /* bytes of text; what registries accept */
#define BERTH_OCI_DESCRIPTORS_MAX 10000

#define BERTH_MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define BERTH_MEDIA_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define BERTH_MEDIA_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define BERTH_MEDIA_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define BERTH_MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define BERTH_MEDIA_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define BERTH_MEDIA_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define BERTH_MEDIA_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define BERTH_ANNOTATION_REF_NAME   "org.opencontainers.image.ref.name"
#define BERTH_ANNOTATION_IMAGE_NAME "io.containerd.image.name"

struct berth_descriptor_platform {
    char *architecture;
    char *os;
    char *os_version;
    struct berth_strv os_features;
    char *variant;
};

struct berth_descriptor {
    char *media_type;
    char *digest;
    int64_t size;
    struct berth_strv urls;
    struct berth_strmap annotations;
    struct berth_descriptor_platform *platform;
    char *artifact_type;
};

enum berth_manifest_kind {
    BERTH_MANIFEST_IMAGE = 1, /* config and layers */
    BERTH_MANIFEST_INDEX      /* manifests */
};

struct berth_manifest {
    int64_t schema_version;
    char *media_type;
    char *artifact_type;
    struct berth_descriptor *config;  /* of an image */
    struct berth_json_list layers;    /* of berth_descriptor; of an image */
    struct berth_json_list manifests; /* of berth_descriptor; of an index */
    struct berth_strmap annotations;
    enum berth_manifest_kind kind; /* not in the JSON */
};

/* One image of a docker archive's manifest.json. */
struct berth_archive_entry {
    char *config; /* file of the config */
    struct berth_strv repo_tags;
    struct berth_strv layers; /* files of the layers, lowest first */
};

extern const struct berth_json_table berth_descriptor_table;
extern const struct berth_json_table berth_manifest_table;
extern const struct berth_json_table berth_archive_entry_table;

/* Parses text and tells what it is. `media_type`: what it was announced as, or NULL. Refused with
 * BERTH_E_INVALID: documents that could be read as both kinds (CVE-2021-41190), that contradict
 * the media type, schema 1, bad digests, negative sizes, too many entries. *ret_manifest is the
 * caller's: berth_json_free(&berth_manifest_table). */
int32_t berth_oci_manifest_parse(const char *text, size_t length, const char *media_type,
                                 struct berth_manifest **ret_manifest, berth_error *err);

/* Is this entry of an index something else than an image to run (BuildKit's attestations)? */
bool berth_oci_descriptor_is_hidden(const struct berth_descriptor *descriptor);
/* Is a media type that of an index? */
bool berth_oci_media_is_index(const char *media_type);
/* The entry of an index that serves `wanted` best; entries without platform come last. NULL:
 * none. Borrowed from the index. */
const struct berth_descriptor *berth_oci_index_select(const struct berth_manifest *index,
                                                      const struct berth_platform *wanted);

/* Parses a docker archive's manifest.json into a list of berth_archive_entry, the caller's:
 * berth_json_list_done(). */
int32_t berth_oci_archive_parse(const char *text, size_t length, struct berth_json_list *ret_list,
                                berth_error *err);

#endif
