/* SPDX-License-Identifier: Apache-2.0
 *
 * The image configuration document (OCI image-spec, config.md; Docker's image JSON). Its sha256 is
 * the image's ID, so the text is kept byte for byte beside what is parsed here.
 */
#ifndef BERTH_OCI_IMAGE_CONFIG_H
#define BERTH_OCI_IMAGE_CONFIG_H

#include "oci/container_config.h"

#define BERTH_OCI_IMAGE_CONFIG_MAX  (8 << 20) /* bytes of text; real ones are a few KB */
#define BERTH_OCI_IMAGE_LAYERS_MAX  480       /* below the overlay limit of 500 */
#define BERTH_OCI_IMAGE_HISTORY_MAX 10000

/* One step of how the image came to be; steps without empty_layer match diff_ids in order. */
struct berth_image_history {
    char *created; /* RFC 3339 */
    char *created_by;
    char *author;
    char *comment;
    bool empty_layer;
};

struct berth_image_rootfs {
    char *type;                 /* "layers" */
    struct berth_strv diff_ids; /* "sha256:..." of each layer's tar, lowest first */
};

struct berth_image_config {
    char *architecture;
    char *variant;
    char *os;
    char *os_version;
    struct berth_strv os_features;
    char *created; /* RFC 3339; NULL: unknown */
    char *author;
    char *comment;
    char *parent;
    char *container;
    char *docker_version;
    struct berth_container_config config;
    struct berth_image_rootfs rootfs;
    struct berth_json_list history; /* of berth_image_history */
};

extern const struct berth_json_table berth_image_history_table;
extern const struct berth_json_table berth_image_config_table;

/* Parses and checks text: it must be an image config (rootfs of type "layers" with valid sha256
 * digests, not more than the limits above). BERTH_E_INVALID says what is wrong. *ret_config is the
 * caller's: berth_json_free(&berth_image_config_table). */
int32_t berth_oci_image_config_parse(const char *text, size_t length,
                                     struct berth_image_config **ret_config, berth_error *err);

#endif
