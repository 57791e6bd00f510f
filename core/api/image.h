/* SPDX-License-Identifier: Apache-2.0
 *
 * An image as lists show it; shared by the list and the disk usage.
 */
#ifndef BERTH_API_IMAGE_H
#define BERTH_API_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/string.h"

struct berth_image;

/* Borrows all from an image: written, never freed. */
struct berth_api_image_summary {
    int64_t containers; /* -1: not counted */
    int64_t created;
    char *id;
    struct berth_strmap labels;
    char *parent;
    struct berth_strv repo_digests, repo_tags;
    int64_t shared_size, size;
};
extern const struct berth_json_table berth_api_image_summary_table;

/* Fills a summary that lives as long as the image is held. */
void berth_api_image_summarize(const struct berth_image *image, bool shared, int64_t containers,
                               struct berth_api_image_summary *ret_summary);

#endif
