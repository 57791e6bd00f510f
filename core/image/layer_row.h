/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers in memory and in the store; shared by layer.c and layer_row.c.
 */
#ifndef BERTH_IMAGE_LAYER_ROW_H
#define BERTH_IMAGE_LAYER_ROW_H

#include "image/image_internal.h"

/* Writes the row of a committed layer. */
int berth_image_layer_row_put(struct berth_image_manager *manager,
                              const struct berth_image_layer *layer, berth_error *err);
/* Adds a copy to the table. The lock is held. */
int berth_image_layer_insert(struct berth_image_manager *manager,
                             const struct berth_image_layer *layer, berth_error *err);
/* Takes a layer that is there out of the table. The lock is held. */
void berth_image_layer_drop(struct berth_image_manager *manager, const char *chain_id);
/* Marks a chain ID as being worked on, and ends that. The lock is held. */
void berth_image_making_begin(struct berth_image_manager *manager,
                              struct berth_image_making *making, const char *chain_id);
void berth_image_making_end(struct berth_image_manager *manager, struct berth_image_making *making);

#endif
