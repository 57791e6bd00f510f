/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be saved (save_select.c) and writing it (save.c).
 */
#ifndef BERTH_IMAGE_SAVE_INTERNAL_H
#define BERTH_IMAGE_SAVE_INTERNAL_H

#include "image/image_internal.h"

/* One image of the archive with the names it is saved under. */
struct save_image {
    struct berth_image *image; /* a hold, and one of its top layer */
    struct berth_strv names;   /* canonical, with tags */
    char *manifest;            /* the OCI manifest */
    char manifest_digest[sizeof("sha256:") - 1 + BERTH_SHA256_HEX];
};

struct save {
    struct berth_image_manager *manager;
    const struct berth_image_watch *watch;
    struct save_image *images;
    size_t count;
};

/* Finds the images of refs and holds them and their layers until done. */
int berth_image_save_select(struct save *save, const struct berth_strv *refs, const char *platform,
                            berth_error *err);
void berth_image_save_done(struct save *save);

#endif
