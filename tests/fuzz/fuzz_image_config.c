/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: image configurations. What was read must be written without trouble.
 */
#include "oci/image_config.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct berth_image_config *config = NULL;
    berth_error err;
    if (berth_oci_image_config_parse((const char *)data, size, &config, &err) == 0) {
        free(berth_json_write_text(&berth_image_config_table, config, 0));
        berth_json_free(&berth_image_config_table, config);
    }
    return 0;
}
