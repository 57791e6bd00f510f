/* SPDX-License-Identifier: Apache-2.0
 *
 * Detached overlay mounts. Layers are named by their fd numbers, relative to /proc/thread-self/fd:
 * short, so that hundreds fit into mount(2)'s one page of options, and immune to odd paths. That
 * needs a thread with a working directory of its own: the host's mounter.
 *
 * fsopen(2) gives a detached mount at once, but takes at most 255 bytes a value; mount(2) takes a
 * page and needs a place to mount on, a clone and an unmount (some 50 us more). lowerdir+ would
 * lift the limit but is newer than Linux 6.1.
 */
#include "overlay.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* <sys/mount.h> and <linux/mount.h> cannot both be included with glibc 2.36 */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);
int umount2(const char *target, int flags);
#define UMOUNT_DETACH 2 /* MNT_DETACH of <sys/mount.h> */

#include "../common/tree.h"

#define VALUE_MAX_BYTES 255 /* fs/fsopen.c: strndup_user(_value, 256) */

/* Our features must not depend on the kernel's build: all off that change the layers' format. */
static const char *const off_options[] = {"index", "redirect_dir", "metacopy"};

/* "5:6:7" */
static void join_lowers(const struct overlay_mount *mount, char *text, size_t size)
{
    for (size_t i = 0, length = 0; i < mount->count; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%d", i > 0 ? ":" : "",
                                   mount->lowers[i]);
    }
}

static int set_string(int fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int configure(int fs, const struct overlay_mount *mount, const char *lowers)
{
    char upper[16], work[16];
    int code = set_string(fs, "source", "overlay") | set_string(fs, "lowerdir", lowers);
    if (mount->upper >= 0) {
        snprintf(upper, sizeof(upper), "%d", mount->upper);
        snprintf(work, sizeof(work), "%d", mount->work);
        code |= set_string(fs, "upperdir", upper) | set_string(fs, "workdir", work);
    }
    for (size_t i = 0; i < sizeof(off_options) / sizeof(off_options[0]); i++) {
        code |= set_string(fs, off_options[i], "off");
    }
    if (mount->is_volatile) {
        code |= (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
    }
    return code;
}

/* 0, or -1 with errno: then mount(2) tries. */
static int mount_by_fsopen(struct overlay_mount *mount, const char *lowers)
{
    if (strlen(lowers) > VALUE_MAX_BYTES) {
        return -1;
    }
    BERTH_AUTO_CLOSE int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (fs < 0 || configure(fs, mount, lowers) != 0 ||
        syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0) {
        return -1;
    }
    mount->fd =
        (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, mount->read_only ? MOUNT_ATTR_RDONLY : 0);
    return mount->fd >= 0 ? 0 : -1;
}

static int32_t mount_by_mount(struct overlay_mount *job, const char *lowers, berth_error *err)
{
    char data[4096], upper[64] = "";
    if (job->upper >= 0) {
        snprintf(upper, sizeof(upper), ",upperdir=%d,workdir=%d", job->upper, job->work);
    }
    int length = snprintf(data, sizeof(data), "lowerdir=%s%s,%s=off,%s=off,%s=off%s", lowers, upper,
                          off_options[0], off_options[1], off_options[2],
                          job->is_volatile ? ",volatile" : "");
    if (length >= (int)sizeof(data)) {
        return berth_fail(err, BERTH_E_INVALID, 0, "%zu layers are more than a mount can take",
                          job->count);
    }
    if (mount("overlay", job->target, "overlay", 0, data) != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot mount %zu overlay layers", job->count);
    }
    int fd =
        (int)syscall(SYS_open_tree, AT_FDCWD, job->target, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int code = errno;
    umount2(job->target, UMOUNT_DETACH);
    if (fd < 0) {
        return BERTH_FAIL_ERRNO(err, code, "cannot detach an overlay mount");
    }
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (job->read_only &&
        syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
        code = errno;
        close(fd);
        return BERTH_FAIL_ERRNO(err, code, "cannot make an overlay mount read-only");
    }
    job->fd = fd;
    return 0;
}

/* On the mounter thread. */
static int32_t run(void *arg, berth_error *err)
{
    struct overlay_mount *mount = (struct overlay_mount *)arg;
    size_t size = mount->count * 12 + 1; /* a number of ten digits at most, and ":" */
    BERTH_AUTO_FREE char *lowers = (char *)malloc(size);
    if (lowers == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    if (chdir("/proc/thread-self/fd") != 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot enter /proc/thread-self/fd");
    }
    join_lowers(mount, lowers, size);
    int32_t result = mount_by_fsopen(mount, lowers) == 0 ? 0 : mount_by_mount(mount, lowers, err);
    if (chdir("/") != 0 && result == 0) {
        close(mount->fd);
        result = BERTH_FAIL_ERRNO(err, errno, "cannot leave /proc/thread-self/fd");
    }
    return result;
}

struct opening {
    const char *path;
    int fd;
};

static int32_t open_folder(void *arg, berth_error *err)
{
    struct opening *opening = (struct opening *)arg;
    opening->fd = open(opening->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return opening->fd >= 0 ? 0 : BERTH_FAIL_ERRNO(err, errno, "cannot open %s", opening->path);
}

int32_t overlay_open_root(const berth_host *host, const char *path, int *ret_fd, berth_error *err)
{
    struct opening opening = {path, -1};
    int32_t result = host->mounter_run(host->ctx, open_folder, &opening, err);
    if (result == 0) {
        *ret_fd = opening.fd;
    }
    return result;
}

int32_t overlay_mount_run(const berth_host *host, struct overlay_mount *mount, berth_error *err)
{
    mount->fd = -1;
    return host->mounter_run(host->ctx, run, mount, err);
}

void overlay_close_layers(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    free(fds);
}

int32_t overlay_open_layers(berth_inst *inst, const struct chain *chain, int **ret_fds,
                            size_t *ret_count, berth_error *err)
{
    if (chain->count > OVERLAY_MAX_LAYERS) {
        return berth_fail(err, BERTH_E_INVALID, 0, "%zu layers: the kernel stacks at most %d",
                          chain->count, OVERLAY_MAX_LAYERS);
    }
    size_t count = 0;
    int32_t result = 0;
    int *fds = (int *)calloc(chain->count + 1, sizeof(*fds));
    if (fds == NULL) {
        return berth_fail(err, BERTH_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; result == 0 && i < chain->count; i++) {
        char name[ID_SIZE + 16];
        snprintf(name, sizeof(name), "layers/%s/tree", chain->layers[i]);
        fds[count] = openat(inst->mounter_root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        result = fds[count] >= 0
                     ? 0
                     : BERTH_FAIL_ERRNO(err, errno, "cannot open layer %s", chain->layers[i]);
        count += result == 0;
    }
    if (chain->count == 0) { /* the kernel wants a lower layer */
        fds[0] = openat(inst->mounter_root, "empty", O_PATH | O_DIRECTORY | O_CLOEXEC);
        count = fds[0] >= 0;
        result = count == 1 ? 0 : BERTH_FAIL_ERRNO(err, errno, "cannot open the empty layer");
    }
    if (result < 0) {
        overlay_close_layers(fds, count);
        return result;
    }
    *ret_fds = fds;
    *ret_count = count;
    return 0;
}

/* A volatile mount leaves a mark that forbids mounting again, since a power loss could have torn
 * the content (Documentation/filesystems/overlayfs.rst, "Volatile mount"). When the machine has not
 * been down since the container was made, nothing is torn and the mark can go. */
static bool clear_volatile(berth_inst *inst, int work, const struct chain *chain)
{
    static const bool never = false;
    BERTH_AUTO_CLOSE int fd =
        openat(work, "work/incompat", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || strcmp(chain->boot, inst->catalog->boot) != 0) {
        return false;
    }
    return tree_empty(fd, &never) == 0 && unlinkat(work, "work/incompat", AT_REMOVEDIR) == 0;
}

static int32_t mount_chain(berth_inst *inst, const char *id, const struct chain *chain,
                           uint32_t flags, int32_t *ret_fd, berth_error *err)
{
    int *lowers;
    char name[ID_SIZE + 16];
    struct overlay_mount mount = {.target = inst->target,
                                  .read_only = (flags & BERTH_STORAGE_MOUNT_READONLY) != 0,
                                  .is_volatile = (flags & BERTH_STORAGE_MOUNT_VOLATILE) != 0};
    snprintf(name, sizeof(name), "containers/%s", id);
    BERTH_AUTO_CLOSE int folder =
        openat(inst->mounter_root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    BERTH_AUTO_CLOSE int upper = openat(folder, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
    BERTH_AUTO_CLOSE int work = openat(folder, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0 || work < 0) {
        return BERTH_FAIL_ERRNO(err, errno, "cannot open the container's writable layer");
    }
    int32_t result = overlay_open_layers(inst, chain, &lowers, &mount.count, err);
    if (result < 0) {
        return result;
    }
    mount.lowers = lowers;
    mount.upper = upper;
    mount.work = work;
    berth_error first = {.struct_size = sizeof(first)};
    result = overlay_mount_run(inst->host, &mount, &first);
    if (result < 0 && clear_volatile(inst, work, chain)) {
        result = overlay_mount_run(inst->host, &mount, err);
    } else if (result < 0 && faccessat(work, "work/incompat/volatile", F_OK, 0) == 0) {
        result = berth_fail(err, BERTH_E_DATA, 0,
                            "the container ran without syncs when the machine went down: its "
                            "files cannot be trusted; remove it and make a new one");
    } else if (result < 0 && err != NULL) {
        *err = first;
    }
    overlay_close_layers(lowers, mount.count);
    if (result == 0) {
        *ret_fd = mount.fd;
    }
    return result;
}

int32_t overlay_mount_container(berth_inst *inst, berth_op *op, const char *id,
                                const berth_storage_mount_req *req, int32_t *ret_mount_fd,
                                berth_error *err)
{
    struct chain chain;
    BERTH_AUTO_CLOSE int folder = -1;
    (void)op;
    if (req != NULL && req->userns_fd >= 0) {
        return berth_fail(err, BERTH_E_UNSUPPORTED, 0,
                          "the storage driver overlay cannot shift ids for a user namespace (vfs "
                          "can)");
    }
    int32_t result = catalog_container_open(inst->catalog, id, &folder, &chain, err);
    if (result < 0) {
        return result;
    }
    result = mount_chain(inst, id, &chain, req != NULL ? req->flags : 0, ret_mount_fd, err);
    free(chain.layers);
    return result;
}
