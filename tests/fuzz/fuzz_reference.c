/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: image references. What parses must print, and what it prints must parse the same.
 */
#include "base/cleanup.h"
#include "oci/reference.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = calloc(1, size + 1);
    struct berth_reference first = {0}, second = {0};
    berth_error err;
    if (text == NULL || size == 0) {
        return 0;
    }
    memcpy(text, data, size);
    if (berth_oci_reference_parse(text, &first, &err) < 0) {
        return 0;
    }
    AUTO_FREE char *printed = berth_oci_reference_text(&first);
    AUTO_FREE char *familiar = berth_oci_reference_familiar(&first);
    if (printed != NULL && familiar != NULL) {
        if (berth_oci_reference_parse(printed, &second, &err) < 0) {
            __builtin_trap();
        }
        AUTO_FREE char *again = berth_oci_reference_text(&second);
        if (again != NULL && strcmp(printed, again) != 0) {
            __builtin_trap();
        }
        berth_oci_reference_done(&second);
        berth_oci_reference_matches(&first, text);
    }
    berth_oci_reference_done(&first);
    return 0;
}
