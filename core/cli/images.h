/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of images, for `images` and `system df`.
 */
#ifndef BERTH_CLI_IMAGES_H
#define BERTH_CLI_IMAGES_H

#include <json-c/json_types.h>
#include <stdbool.h>

/* Appends the rows of one image: one for each tag, or for each digest, or one with "<none>". */
void berth_images_add_rows(struct json_object *rows, struct json_object *image, bool digests,
                           bool trunc);

#endif
