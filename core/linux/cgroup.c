/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups: what the host has, and where a container's directories are. See cgroup.h.
 */
#include "linux/cgroup_internal.h"

#include "base/cleanup.h"
#include "linux/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { LINE_SIZE = 8192, CGROUP2_MAGIC = 0x63677270 };

ssize_t cgroup_read(const char *dir, const char *file, char *text, size_t size)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    size_t length = 0;
    ssize_t n;
    while (length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = 0;
    return (ssize_t)length;
}

int cgroup_write(const char *dir, const char *file, const char *value)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, value, strlen(value)) < 0 ? -1 : 0;
}

bool cgroup_lists(const char *list, const char *item)
{
    size_t n = strlen(item);

    for (const char *at = list; at != NULL && *at != 0;) {
        size_t length = strcspn(at, ", \n");
        if (length == n && memcmp(at, item, n) == 0) {
            return true;
        }
        at += length + (at[length] != 0);
    }
    return false;
}

bool cgroup_number(const char *dir, const char *file, uint64_t *ret_value)
{
    char text[64];

    if (cgroup_read(dir, file, text, sizeof(text)) <= 0) {
        return false;
    }
    *ret_value = strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
    return true;
}

int cgroup_index(const struct berth_linux_cgroup_plan *plan, const char *controller)
{
    for (size_t i = 0; i < plan->dir_count; i++) {
        if (plan->dirs[i].controllers == NULL ||
            cgroup_lists(plan->dirs[i].controllers, controller)) {
            return (int)i;
        }
    }
    return -1;
}

const struct berth_linux_cgroup_dir *cgroup_find(const struct berth_linux_cgroup_plan *plan,
                                                 const char *controller)
{
    int index = cgroup_index(plan, controller);
    return index < 0 ? NULL : &plan->dirs[index];
}

/* ---- detection ------------------------------------------------------------------------------ */

static bool known_option(const char *option)
{
    static const char *const controllers[] = {
        "cpuset",  "cpu",      "cpuacct", "memory",  "devices", "freezer",    "blkio",
        "net_cls", "net_prio", "pids",    "hugetlb", "rdma",    "perf_event", "misc"};
    for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
        if (strcmp(option, controllers[i]) == 0) {
            return true;
        }
    }
    return strncmp(option, "name=", 5) == 0;
}

/* "rw,cpu,cpuacct" to "cpu,cpuacct"; "rw,xattr,name=systemd" to "systemd". */
static char *controllers_of(char *options)
{
    AUTO_STRV struct berth_strv names = {0};
    char *rest = NULL;

    for (char *o = strtok_r(options, ",\n", &rest); o != NULL; o = strtok_r(NULL, ",\n", &rest)) {
        const char *name = strncmp(o, "name=", 5) == 0 ? o + 5 : o;
        if (known_option(o) && !berth_strv_add(&names, name)) {
            return NULL;
        }
    }
    return berth_strv_join(&names, ",");
}

static int add_hierarchy(struct berth_linux_cgroups *g, const char *mount, char *options)
{
    if (g->count == BERTH_LINUX_CGROUP_HIERARCHIES) {
        return 0;
    }
    for (size_t i = 0; i < g->count; i++) {
        if (strcmp(g->hierarchies[i].mount, mount) == 0) {
            return 0;
        }
    }
    struct berth_linux_hierarchy *h = &g->hierarchies[g->count++];
    h->mount = strdup(mount);
    h->controllers = options == NULL ? NULL : controllers_of(options);
    if (h->mount == NULL || (options != NULL && h->controllers == NULL)) {
        return -1;
    }
    char *rest = NULL;
    AUTO_FREE char *list = h->controllers == NULL ? NULL : strdup(h->controllers);
    for (char *c = list == NULL ? NULL : strtok_r(list, ",", &rest); c != NULL;
         c = strtok_r(NULL, ",", &rest)) {
        if (!berth_strv_add(&g->controllers, c)) {
            return -1;
        }
    }
    return 0;
}

/* One line of /proc/self/mountinfo, proc(5): "... root mount options ... - type source options" */
static int take_mount(struct berth_linux_cgroups *g, char *line, char **v2_mount)
{
    char *dash = strstr(line, " - ");
    char *rest = NULL;

    if (dash == NULL) {
        return 0;
    }
    *dash = 0;
    char *mount = strtok_r(line, " ", &rest);
    for (int field = 1; field < 5 && mount != NULL; field++) {
        mount = strtok_r(NULL, " ", &rest);
    }
    if (mount == NULL) {
        return 0;
    }
    char *type = strtok_r(dash + 3, " ", &rest);
    char *source = strtok_r(NULL, " ", &rest);
    char *options = strtok_r(NULL, " ", &rest);
    if (type == NULL || source == NULL || options == NULL) {
        return 0;
    }
    /* A bind of one group (inside a container) is no hierarchy to work with, unless it is all
     * there is: then the mount point is the root we have. */
    if (strcmp(type, "cgroup") == 0) {
        return add_hierarchy(g, mount, options);
    }
    if (strcmp(type, "cgroup2") == 0 && *v2_mount == NULL) {
        *v2_mount = strdup(mount);
        return *v2_mount == NULL ? -1 : 0;
    }
    return 0;
}

static int read_controllers_v2(struct berth_linux_cgroups *g)
{
    char text[1024], *rest = NULL;

    if (cgroup_read(g->hierarchies[0].mount, "cgroup.controllers", text, sizeof(text)) < 0) {
        return 0;
    }
    for (char *c = strtok_r(text, " \n", &rest); c != NULL; c = strtok_r(NULL, " \n", &rest)) {
        if (!berth_strv_add(&g->controllers, c)) {
            return -1;
        }
    }
    return 0;
}

/* The line "0::/path" of /proc/self/cgroup. */
static char *own_group(void)
{
    char text[LINE_SIZE];

    if (cgroup_read("/proc/self", "cgroup", text, sizeof(text)) > 0) {
        for (char *line = text; line != NULL; line = strchr(line, '\n')) {
            line += *line == '\n';
            if (strncmp(line, "0::", 3) == 0) {
                line[3 + strcspn(line + 3, "\n")] = 0;
                return strdup(line + 3);
            }
        }
    }
    return strdup("/");
}

int berth_linux_cgroups_detect(struct berth_linux_cgroups *ret, berth_error *err)
{
    struct berth_linux_cgroups g = {0};
    AUTO_FREE char *v2 = NULL;
    char line[LINE_SIZE];
    int result = 0;
    AUTO_FILE FILE *mounts = fopen("/proc/self/mountinfo", "re");

    if (mounts == NULL) {
        return berth_error_errno(err, errno, "cannot read /proc/self/mountinfo");
    }
    while (result == 0 && fgets(line, sizeof(line), mounts) != NULL) {
        result = take_mount(&g, line, &v2);
    }
    if (result == 0 && g.count > 0) {
        g.version = 1;
        g.hybrid = v2 != NULL;
    } else if (result == 0 && v2 != NULL) {
        g.version = 2;
        result = add_hierarchy(&g, v2, NULL);
        result = result == 0 ? read_controllers_v2(&g) : result;
    }
    g.own = own_group();
    if (result != 0 || g.own == NULL) {
        berth_linux_cgroups_done(&g);
        return berth_error_no_memory(err);
    }
    *ret = g;
    return 0;
}

void berth_linux_cgroups_done(struct berth_linux_cgroups *cgroups)
{
    if (cgroups == NULL) {
        return;
    }
    for (size_t i = 0; i < cgroups->count; i++) {
        free(cgroups->hierarchies[i].mount);
        free(cgroups->hierarchies[i].controllers);
    }
    berth_strv_done(&cgroups->controllers);
    free(cgroups->own);
    memset(cgroups, 0, sizeof(*cgroups));
}

bool berth_linux_cgroups_has(const struct berth_linux_cgroups *cgroups, const char *controller)
{
    return berth_strv_contains(&cgroups->controllers, controller);
}

/* ---- where ---------------------------------------------------------------------------------- */

/* "a-b.slice" lies in "a.slice/a-b.slice": systemd.slice(5). */
static char *expand_slice(const char *slice)
{
    char text[2048] = "";
    size_t length = strlen(slice) - strlen(".slice");

    if (length == 1 && slice[0] == '-') {
        return strdup("");
    }
    for (size_t i = 1; i <= length; i++) {
        if (i == length || slice[i] == '-') {
            size_t used = strlen(text);
            if (used + i + 8 >= sizeof(text)) {
                return NULL;
            }
            snprintf(text + used, sizeof(text) - used, "/%.*s.slice", (int)i, slice);
        }
    }
    return strdup(text);
}

/* The parent's path below the mount point, with a leading "/" and none at the end. */
static char *parent_path(const char *parent)
{
    if (berth_str_empty(parent)) {
        return strdup(BERTH_LINUX_CGROUP_PARENT);
    }
    if (berth_str_ends(parent, ".slice") && strchr(parent, '/') == NULL) {
        return expand_slice(parent);
    }
    char *path = berth_format("%s%s", parent[0] == '/' ? "" : "/", parent);
    for (size_t n = path == NULL ? 0 : strlen(path); n > 0 && path[n - 1] == '/'; n--) {
        path[n - 1] = 0;
    }
    return path;
}

/* At the root of each hierarchy, on v2 as well, and not below the daemon's own group: a service
 * manager could not start the daemon again in a group whose children have controllers. */
static char *base_path(const struct berth_linux_cgroups *g, size_t i, const char *parent)
{
    AUTO_FREE char *below = parent_path(parent);
    return below == NULL ? NULL : berth_format("%s%s", g->hierarchies[i].mount, below);
}

static bool bad_name(const char *name)
{
    return name[0] == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
           strcmp(name, "..") == 0;
}

static bool climbs(const char *parent)
{
    for (const char *p = parent; p != NULL && *p != 0;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            return true;
        }
        p += n + (p[n] == '/');
    }
    return false;
}

int berth_linux_cgroup_plan(const struct berth_linux_cgroups *cgroups, const char *parent,
                            const char *name, struct berth_linux_cgroup_plan *ret, berth_error *err)
{
    struct berth_linux_cgroup_plan plan = {0};

    if (bad_name(name) || climbs(parent)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "\"%s\" is not a valid cgroup parent",
                               parent == NULL ? name : parent);
    }
    plan.dirs = calloc(cgroups->count + 1, sizeof(*plan.dirs));
    if (plan.dirs == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < cgroups->count; i++) {
        struct berth_linux_cgroup_dir *d = &plan.dirs[plan.dir_count];
        const struct berth_linux_hierarchy *h = &cgroups->hierarchies[i];
        AUTO_FREE char *base = base_path(cgroups, i, parent);
        d->path = base == NULL ? NULL : berth_format("%s/%s", base, name);
        d->controllers = berth_strdup(h->controllers);
        plan.dir_count++;
        if (d->path == NULL || (h->controllers != NULL && d->controllers == NULL)) {
            berth_linux_cgroup_plan_done(&plan);
            return berth_error_no_memory(err);
        }
        d->cpuset = h->controllers != NULL && cgroup_lists(h->controllers, "cpuset");
    }
    *ret = plan;
    return 0;
}

void berth_linux_cgroup_plan_done(struct berth_linux_cgroup_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->dir_count; i++) {
        free(plan->dirs[i].path);
        free(plan->dirs[i].controllers);
    }
    for (size_t i = 0; i < plan->write_count; i++) {
        free(plan->writes[i].file);
        free(plan->writes[i].value);
    }
    free(plan->dirs);
    free(plan->writes);
    memset(plan, 0, sizeof(*plan));
}

/* ---- parents -------------------------------------------------------------------------------- */

/* cgroup.subtree_control of every directory from the mount point down to path, path included. */
static int enable_controllers(const struct berth_linux_cgroups *g, const char *path,
                              berth_error *err)
{
    static const char *const wanted[] = {"cpu", "cpuset", "memory", "pids", "io"};
    AUTO_FREE char *copy = strdup(path);
    size_t top = strlen(g->hierarchies[0].mount);

    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    for (char *end = copy + top; end != NULL;) {
        char saved = *end;
        *end = 0;
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            char value[32];
            snprintf(value, sizeof(value), "+%s", wanted[i]);
            /* A controller that the kernel or the delegation lacks is seen when a limit needs it.
             */
            if (berth_linux_cgroups_has(g, wanted[i]) &&
                cgroup_write(copy, "cgroup.subtree_control", value) < 0 && errno == EBUSY) {
                return berth_error_errno(err, EBUSY,
                                         "cannot enable the %s controller below the cgroup %s: it "
                                         "has processes of its own",
                                         wanted[i], copy);
            }
        }
        *end = saved;
        end = saved == 0 ? NULL : strchr(end + 1, '/');
        if (saved != 0 && end == NULL) {
            end = copy + strlen(copy);
        }
    }
    return 0;
}

static void inherit_cpuset(const char *path)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    AUTO_FREE char *parent = strdup(path);
    char *slash = parent == NULL ? NULL : strrchr(parent, '/');
    char value[4096];

    if (slash == NULL) {
        return;
    }
    *slash = 0;
    for (int i = 0; i < 2; i++) {
        if (cgroup_read(path, files[i], value, sizeof(value)) <= 1 &&
            cgroup_read(parent, files[i], value, sizeof(value)) > 0) {
            cgroup_write(path, files[i], value);
        }
    }
    /* The kernel then fills the containers' directories itself: four files less to touch. */
    cgroup_write(path, "cgroup.clone_children", "1");
}

static int make_parent(const struct berth_linux_cgroups *g, size_t i, const char *path,
                       berth_error *err)
{
    const char *controllers = g->hierarchies[i].controllers;
    bool cpuset = controllers != NULL && cgroup_lists(controllers, "cpuset");
    AUTO_FREE char *copy = strdup(path);

    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    size_t top = strlen(g->hierarchies[i].mount);
    for (char *at = copy + top; *at != 0;) {
        at += strcspn(at + 1, "/") + 1;
        char saved = *at;
        *at = 0;
        if (mkdir(copy, 0755) < 0 && errno != EEXIST) {
            return berth_error_errno(err, errno, "cannot create the cgroup %s", copy);
        }
        if (cpuset) {
            inherit_cpuset(copy);
        }
        *at = saved;
    }
    return 0;
}

int berth_linux_cgroup_make_parents(const struct berth_linux_cgroups *cgroups, const char *parent,
                                    berth_error *err)
{
    if (climbs(parent)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "\"%s\" is not a valid cgroup parent",
                               parent);
    }
    for (size_t i = 0; i < cgroups->count; i++) {
        AUTO_FREE char *path = base_path(cgroups, i, parent);
        if (path == NULL) {
            return berth_error_no_memory(err);
        }
        int result = make_parent(cgroups, i, path, err);
        if (result == 0 && cgroups->version == 2) {
            result = enable_controllers(cgroups, path, err);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}
