/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the decoder of container specs. What decodes must encode again.
 */
#include "shim/protocol.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int numbers[8] = {3, 4, 5, 6, 7, 8, 9, 10};
    static int fds[BERTH_SHIM_FDS_MAX];
    if (size < 1 || size > 65536) {
        return 0;
    }
    struct berth_shim_fds received = {numbers, data[0] % 8u};
    struct berth_shim_arena arena = {.size = berth_shim_arena_size(size)};
    struct berth_shim_spec spec;
    berth_error err;
    /* A copy of the exact size, so that a read beyond it is seen. */
    uint8_t *copy = malloc(size);
    arena.base = malloc(arena.size);
    if (copy != NULL && arena.base != NULL) {
        for (size_t i = 0; i < size; i++) {
            copy[i] = data[i];
        }
        if (berth_shim_spec_decode(copy + 1, size - 1, received, &arena, &spec, &err) == 0) {
            void *again;
            size_t length;
            uint32_t count;
            if (berth_shim_spec_encode(&spec, &again, &length, fds, &count, &err) == 0) {
                free(again);
            }
        }
    }
    free(arena.base);
    free(copy);
    return 0;
}
