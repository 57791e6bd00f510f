/* SPDX-License-Identifier: Apache-2.0
 *
 * The mounts of a container: the kernel's file systems, the daemon's three files, then what the
 * user asked for, parents first.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "container/spec.h"

#ifndef MOUNT_ATTR_RDONLY
#include <linux/mount.h>
#endif

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static bool user_mounts(const struct spec_input *input, const char *target)
{
    for (size_t i = 0; i < input->record->mounts.count; i++) {
        const struct mount_record *mount = input->record->mounts.items[i];
        if (strcmp(mount->destination, target) == 0) {
            return true;
        }
    }
    return berth_strmap_get(&input->record->host_config.tmpfs, target) != NULL;
}

static void add_options(struct spec_builder *builder, struct berth_shim_mount *mount,
                        const struct berth_strv *options)
{
    spec_strings(builder, options, &mount->options);
}

/* A new file system, unless the user mounts something else there. options: NULL-terminated. */
static void add_new(const struct spec_input *input, struct spec_builder *builder,
                    const struct berth_shim_mount *mount, const char *const *options)
{
    AUTO_STRV struct berth_strv list = {0};
    if (user_mounts(input, mount->target)) {
        return;
    }
    struct berth_shim_mount *slot = spec_add_mount(builder);
    if (slot == NULL) {
        return;
    }
    *slot = *mount;
    slot->fd = -1;
    slot->source = mount->type; /* what /proc/mounts shows */
    for (size_t i = 0; options[i] != NULL; i++) {
        if (!berth_strv_add(&list, options[i])) {
            builder->failed = true;
        }
    }
    add_options(builder, slot, &list);
}

static void add_kernel_mounts(const struct spec_input *input, struct spec_builder *builder)
{
    static char proc[] = "/proc", dev[] = "/dev", pts[] = "/dev/pts", sys[] = "/sys",
                cgroup[] = "/sys/fs/cgroup", mqueue[] = "/dev/mqueue";
    static char proc_type[] = "proc", tmpfs_type[] = "tmpfs", devpts_type[] = "devpts",
                sysfs_type[] = "sysfs", mqueue_type[] = "mqueue", cgroup_type[] = "cgroup";
    static const char *const none[] = {NULL};
    static const char *const dev_options[] = {"mode=755", "size=65536k", NULL};
    static const char *const pts_options[] = {"newinstance", "ptmxmode=0666", "mode=0620", "gid=5",
                                              NULL};
    uint64_t privileged = input->record->host_config.privileged ? 0 : MOUNT_ATTR_RDONLY;
    const struct {
        struct berth_shim_mount mount;
        const char *const *options;
    } mounts[] = {
        {{.kind = BERTH_SHIM_MOUNT_NEW, .type = proc_type, .target = proc, .attributes = QUIET},
         none},
        {{.kind = BERTH_SHIM_MOUNT_NEW,
          .type = tmpfs_type,
          .target = dev,
          .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME},
         dev_options},
        {{.kind = BERTH_SHIM_MOUNT_NEW,
          .type = devpts_type,
          .target = pts,
          .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
         pts_options},
        {{.kind = BERTH_SHIM_MOUNT_NEW,
          .type = sysfs_type,
          .target = sys,
          .attributes = QUIET | privileged},
         none},
        {{.kind = BERTH_SHIM_MOUNT_CGROUP,
          .type = cgroup_type,
          .target = cgroup,
          .attributes = QUIET | privileged},
         none},
        {{.kind = BERTH_SHIM_MOUNT_NEW,
          .type = mqueue_type,
          .target = mqueue,
          .attributes = QUIET,
          .flags = BERTH_SHIM_MOUNT_OPTIONAL},
         none},
    };
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        bool without =
            mounts[i].mount.kind == BERTH_SHIM_MOUNT_CGROUP && input->cgroups->version == 0;
        if (!without) {
            add_new(input, builder, &mounts[i].mount, mounts[i].options);
        }
    }
}

/* /dev/shm: one's own, the host's, or another container's. */
static void add_shm(const struct spec_input *input, struct spec_builder *builder)
{
    static char target[] = "/dev/shm", type[] = "tmpfs", host[] = "/dev/shm", name[] = "shm";
    const char *mode = input->record->host_config.ipc_mode;
    if (user_mounts(input, target) || berth_str_equal(mode, "none")) {
        return;
    }
    struct berth_shim_mount *mount = spec_add_mount(builder);
    if (mount == NULL) {
        return;
    }
    mount->target = target;
    mount->attributes = QUIET;
    if (input->shm_fd >= 0) {
        mount->kind = BERTH_SHIM_MOUNT_MOVE;
        mount->fd = input->shm_fd;
        return;
    }
    if (berth_str_equal(mode, "host")) {
        mount->kind = BERTH_SHIM_MOUNT_BIND;
        mount->source = host;
        mount->attributes = 0;
        return;
    }
    AUTO_STRV struct berth_strv options = {0};
    mount->kind = BERTH_SHIM_MOUNT_NEW;
    mount->type = type;
    mount->source = name;
    if (!berth_strv_add(&options, "mode=1777") ||
        !berth_strv_addf(&options, "size=%lld", (long long)input->record->host_config.shm_size)) {
        builder->failed = true;
    }
    add_options(builder, mount, &options);
}

static void add_file(const struct spec_input *input, struct spec_builder *builder,
                     const char *source, const char *target)
{
    if (source == NULL || user_mounts(input, target)) {
        return;
    }
    struct berth_shim_mount *mount = spec_add_mount(builder);
    if (mount != NULL) {
        mount->kind = BERTH_SHIM_MOUNT_BIND;
        mount->source = spec_copy(builder, source);
        mount->target = spec_copy(builder, target);
        mount->attributes = input->record->host_config.readonly_rootfs ? MOUNT_ATTR_RDONLY : 0;
    }
}

static const struct {
    const char *word;
    uint64_t set, clear;
} tmpfs_flags[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, 0},
    {"relatime", 0, 0},
    {"strictatime", MOUNT_ATTR_STRICTATIME, 0},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"async", 0, 0},
    {"defaults", 0, 0},
    {"private", 0, 0},
    {"rprivate", 0, 0},
};

static const char *const tmpfs_keys[] = {"size",      "mode",      "uid", "gid",
                                         "nr_inodes", "nr_blocks", "mpol"};

static bool tmpfs_key(const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < ARRAY_SIZE(tmpfs_keys); i++) {
        if (word[length] == '=' && strlen(tmpfs_keys[i]) == length &&
            strncmp(tmpfs_keys[i], word, length) == 0) {
            return true;
        }
    }
    return false;
}

int spec_tmpfs_options(const char *text, struct berth_strv *ret_options, uint64_t *ret_attributes,
                       berth_error *err)
{
    AUTO_STRV struct berth_strv words = {0};
    if (!berth_strv_split(&words, text != NULL ? text : "", ',')) {
        return berth_error_no_memory(err);
    }
    uint64_t attributes = QUIET;
    for (size_t i = 0; i < words.count; i++) {
        const char *word = words.items[i];
        bool known = word[0] == '\0';
        for (size_t k = 0; k < ARRAY_SIZE(tmpfs_flags) && !known; k++) {
            if (strcmp(tmpfs_flags[k].word, word) == 0) {
                attributes = (attributes & ~tmpfs_flags[k].clear) | tmpfs_flags[k].set;
                known = true;
            }
        }
        if (!known && tmpfs_key(word)) {
            known = true;
            if (!berth_strv_add(ret_options, word)) {
                return berth_error_no_memory(err);
            }
        }
        if (!known) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid tmpfs option [\"%s\"]", word);
        }
    }
    *ret_attributes = attributes;
    return 0;
}

static int add_tmpfs(struct spec_builder *builder, const char *target, const char *text,
                     berth_error *err)
{
    static char type[] = "tmpfs";
    AUTO_STRV struct berth_strv options = {0};
    uint64_t attributes = 0;
    int result = spec_tmpfs_options(text, &options, &attributes, err);
    struct berth_shim_mount *mount = result == 0 ? spec_add_mount(builder) : NULL;
    if (mount == NULL) {
        return result != 0 ? result : berth_error_no_memory(err);
    }
    mount->kind = BERTH_SHIM_MOUNT_NEW;
    mount->type = type;
    mount->source = type;
    mount->target = spec_copy(builder, target);
    mount->attributes = attributes;
    add_options(builder, mount, &options);
    return 0;
}

static const struct {
    const char *word;
    uint32_t propagation, recursive;
} propagations[] = {
    {"private", MS_PRIVATE, 0}, {"rprivate", MS_PRIVATE, 1}, {"slave", MS_SLAVE, 0},
    {"rslave", MS_SLAVE, 1},    {"shared", MS_SHARED, 0},    {"rshared", MS_SHARED, 1},
};

static void add_bind(struct spec_builder *builder, const struct mount_record *record, int fd)
{
    struct berth_shim_mount *mount = spec_add_mount(builder);
    if (mount == NULL) {
        return;
    }
    mount->kind = BERTH_SHIM_MOUNT_BIND;
    mount->fd = fd;
    mount->source = fd < 0 ? spec_copy(builder, record->source) : NULL;
    mount->target = spec_copy(builder, record->destination);
    mount->attributes = record->writable ? 0 : MOUNT_ATTR_RDONLY;
    mount->flags = record->recursive_off ? 0 : BERTH_SHIM_MOUNT_RECURSIVE;
    if (!record->writable && !record->recursive_off && !record->read_only_non_recursive) {
        mount->flags |= BERTH_SHIM_MOUNT_RECURSIVE_ATTRIBUTES;
    }
    for (size_t i = 0; record->propagation != NULL && i < ARRAY_SIZE(propagations); i++) {
        if (strcmp(propagations[i].word, record->propagation) == 0) {
            mount->propagation = propagations[i].propagation;
            mount->propagation_recursive = propagations[i].recursive;
        }
    }
}

static int add_user_mounts(const struct spec_input *input, struct spec_builder *builder,
                           berth_error *err)
{
    const struct container_record *record = input->record;
    const struct berth_strmap *tmpfs = &record->host_config.tmpfs;
    for (size_t i = 0; i < tmpfs->count; i++) {
        int result = add_tmpfs(builder, tmpfs->keys[i], tmpfs->values[i], err);
        if (result != 0) {
            return result;
        }
    }
    for (size_t i = 0; i < record->mounts.count; i++) {
        const struct mount_record *mount = record->mounts.items[i];
        if (!berth_str_equal(mount->type, "tmpfs")) {
            add_bind(builder, mount, input->mount_fds != NULL ? input->mount_fds[i] : -1);
            continue;
        }
        AUTO_FREE char *joined = berth_strv_join(&mount->options, ",");
        AUTO_FREE char *text =
            berth_format("%s%s%s", mount->writable ? "rw" : "ro",
                         mount->options.count > 0 ? "," : "", joined != NULL ? joined : "");
        int result = add_tmpfs(builder, mount->destination, text, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int spec_build_mounts(const struct spec_input *input, struct spec_builder *builder,
                      berth_error *err)
{
    builder->mount_capacity =
        (uint32_t)(input->record->mounts.count + input->record->host_config.tmpfs.count +
                   SPEC_MOUNTS_SPARE);
    builder->spec.mounts =
        spec_alloc(builder, builder->mount_capacity * sizeof(*builder->spec.mounts));
    if (builder->spec.mounts == NULL) {
        return berth_error_no_memory(err);
    }
    add_kernel_mounts(input, builder);
    add_shm(input, builder);
    add_file(input, builder, input->resolv_conf_path, "/etc/resolv.conf");
    add_file(input, builder, input->hostname_path, "/etc/hostname");
    add_file(input, builder, input->hosts_path, "/etc/hosts");
    return add_user_mounts(input, builder, err);
}
