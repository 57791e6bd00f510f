/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: image manifests and indexes, and the manifest.json of docker archives.
 */
#include "oci/manifest.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct berth_manifest *manifest = NULL;
    struct berth_json_list entries = {0};
    berth_error err;
    if (berth_oci_manifest_parse((const char *)data, size, NULL, &manifest, &err) == 0) {
        struct berth_platform wanted;
        berth_oci_platform_host(&wanted);
        if (manifest->kind == BERTH_MANIFEST_INDEX) {
            berth_oci_index_select(manifest, &wanted);
        }
        berth_json_free(&berth_manifest_table, manifest);
    }
    if (berth_oci_archive_parse((const char *)data, size, &entries, &err) == 0) {
        berth_json_list_done(&entries, &berth_archive_entry_table);
    }
    return 0;
}
