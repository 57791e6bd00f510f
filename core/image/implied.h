/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories that a layer's tar implies but does not describe: they must look as in the layers
 * below, which they would hide otherwise.
 */
#ifndef BERTH_IMAGE_IMPLIED_H
#define BERTH_IMAGE_IMPLIED_H

#include "image/image_internal.h"

/* Gives each of `implied` (relative paths, "" is the root) in the staging directory the owner,
 * mode, times and attributes that it has in the chain of layers from `parent` down; what is not
 * there stays as it is. For drivers whose layers are deltas. All parents are committed. */
int berth_image_implied_copy(struct berth_image_manager *manager, const char *parent, int staging,
                             const struct berth_strv *implied, berth_error *err);

#endif
