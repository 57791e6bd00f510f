/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking a directory up in a chain of delta layers, as overlay does when it merges them.
 */
#include "image/implied.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/tar_reader.h"
#include "image/unpack.h"
#include "linux/path.h"

struct chain {
    struct berth_image_manager *manager;
    char ids[BERTH_OCI_IMAGE_LAYERS_MAX][BERTH_SHA256_HEX]; /* top first */
    int fds[BERTH_OCI_IMAGE_LAYERS_MAX];                    /* -1: not opened yet */
    size_t count;
};

static void close_chain(struct chain **chain)
{
    for (size_t i = 0; *chain != NULL && i < (*chain)->count; i++) {
        if ((*chain)->fds[i] >= 0) {
            close((*chain)->fds[i]);
        }
    }
    free(*chain);
}

static void list_chain(struct chain *chain, const char *parent)
{
    AUTO_LOCK(&chain->manager->lock);
    const struct berth_image_layer *layer = berth_image_layer_find(chain->manager, parent);
    while (layer != NULL && chain->count < BERTH_OCI_IMAGE_LAYERS_MAX) {
        memcpy(chain->ids[chain->count], layer->chain_id, BERTH_SHA256_HEX);
        chain->fds[chain->count++] = -1;
        layer = berth_image_layer_find(chain->manager, layer->parent);
    }
}

static bool is_opaque(int dir)
{
    char path[64], value[2] = "";
    snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
    return getxattr(path, "trusted.overlay.opaque", value, sizeof(value)) > 0 && value[0] == 'y';
}

enum found { FOUND, LOOK_BELOW, NOT_THERE };

/* Walks path in one layer. FOUND: *ret_fd is the directory (O_PATH). */
static enum found look_in(int layer, const char *path, int *ret_fd)
{
    AUTO_CLOSE int at = fcntl(layer, F_DUPFD_CLOEXEC, 0);
    for (const char *part = path; at >= 0 && *part != '\0';) {
        char name[256];
        size_t length = strcspn(part, "/");
        if (length >= sizeof(name)) {
            return NOT_THERE;
        }
        memcpy(name, part, length);
        name[length] = '\0';
        part += length + (part[length] == '/' ? 1 : 0);
        int next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) {
            return errno == ENOENT && !is_opaque(at) ? LOOK_BELOW : NOT_THERE;
        }
        struct stat status;
        bool directory = fstat(next, &status) == 0 && S_ISDIR(status.st_mode);
        if (directory && part[0] != '\0' && is_opaque(next)) {
            /* nothing of the layers below is in it: what is missing further on is not there */
            int fd = -1;
            enum found found = look_in(next, part, &fd);
            close(next);
            *ret_fd = fd;
            return found == LOOK_BELOW ? NOT_THERE : found;
        }
        close(at);
        at = next;
        if (!directory) {
            return NOT_THERE; /* a file or a whiteout covers what is below */
        }
    }
    *ret_fd = TAKE_FD(at);
    return *ret_fd >= 0 ? FOUND : NOT_THERE;
}

static int copy_one(struct chain *chain, int staging, const char *path, berth_error *err)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->fds[i] < 0) {
            int code = berth_storage_layer_open(chain->manager->options.storage, NULL,
                                                chain->ids[i], &chain->fds[i], err);
            if (code < 0) {
                return code;
            }
        }
        AUTO_CLOSE int from = -1;
        enum found found = look_in(chain->fds[i], path, &from);
        if (found == NOT_THERE) {
            return 0;
        }
        if (found == FOUND) {
            AUTO_CLOSE int to = -1;
            if (berth_linux_path_open(staging, path[0] != '\0' ? path : ".",
                                      O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &to, NULL) < 0) {
                return 0; /* a later entry of the tar replaced it */
            }
            return berth_image_copy_directory(from, to, err);
        }
    }
    return 0;
}

int berth_image_implied_copy(struct berth_image_manager *manager, const char *parent, int staging,
                             const struct berth_strv *implied, berth_error *err)
{
    if (implied->count == 0 || parent[0] == '\0') {
        return 0;
    }
    AUTO(close_chain) struct chain *chain = calloc(1, sizeof(*chain));
    if (chain == NULL) {
        return berth_error_no_memory(err);
    }
    chain->manager = manager;
    list_chain(chain, parent);
    for (size_t i = 0; i < implied->count; i++) {
        int code = copy_one(chain, staging, implied->items[i], err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}
