/* SPDX-License-Identifier: Apache-2.0
 *
 * User lookup in a container's files (passwd(5), group(5)).
 */
#include "container/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/path.h"

enum { FILE_MAX = 4 << 20, FIELDS = 7 };

void berth_container_user_done(struct berth_container_user *user)
{
    free(user->groups);
    free(user->home);
    *user = (struct berth_container_user){0};
}

/* Splits the line at *cursor into fields (pointers into buffer, a copy). False: no more lines. */
static bool next_line(const char **cursor, char *buffer, size_t size, char *fields[FIELDS])
{
    while (*cursor != NULL && **cursor != '\0') {
        size_t length = strcspn(*cursor, "\n");
        const char *line = *cursor;
        *cursor += length + (line[length] == '\n');
        if (length == 0 || length >= size || line[0] == '#') {
            continue;
        }
        memcpy(buffer, line, length);
        buffer[length] = '\0';
        char *rest = buffer;
        for (int i = 0; i < FIELDS; i++) {
            fields[i] = rest != NULL ? strsep(&rest, ":") : NULL;
        }
        return true;
    }
    return false;
}

static bool parse_number(const char *text, uint32_t *ret)
{
    int64_t value = 0;
    if (berth_str_empty(text) || text[0] == '+' || !berth_str_to_int64(text, &value) || value < 0 ||
        value > INT32_MAX) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool add_group(struct berth_container_user *user, uint32_t gid)
{
    for (uint32_t i = 0; i < user->group_count; i++) {
        if (user->groups[i] == gid) {
            return true;
        }
    }
    if (user->group_count >= BERTH_CONTAINER_GROUPS_MAX) {
        return true;
    }
    uint32_t *grown = realloc(user->groups, (user->group_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    user->groups = grown;
    user->groups[user->group_count++] = gid;
    return true;
}

static bool put_group_first(struct berth_container_user *user, uint32_t gid)
{
    if (!add_group(user, gid)) {
        return false;
    }
    for (uint32_t i = user->group_count; i-- > 1;) {
        if (user->groups[i] == gid) {
            user->groups[i] = user->groups[i - 1];
            user->groups[i - 1] = gid;
        }
    }
    return true;
}

/* Finds the passwd line of a name or number. The name found is copied to ret_name. */
static bool find_user(const char *passwd, const char *wanted, struct berth_container_user *user,
                      char ret_name[256])
{
    char buffer[4096], *fields[FIELDS];
    uint32_t number = 0, uid = 0, gid = 0;
    bool numeric = parse_number(wanted, &number);
    const char *cursor = passwd;

    while (next_line(&cursor, buffer, sizeof(buffer), fields)) {
        if (!parse_number(fields[2], &uid) || !parse_number(fields[3], &gid)) {
            continue;
        }
        if (berth_str_equal(fields[0], wanted) || (numeric && uid == number)) {
            user->uid = uid;
            user->gid = gid;
            if (!berth_str_empty(fields[5])) {
                berth_replace(&user->home, berth_strdup(fields[5]));
            }
            strncpy(ret_name, fields[0], 255);
            ret_name[255] = '\0';
            return true;
        }
    }
    return false;
}

static bool find_group(const char *group, const char *wanted, uint32_t *ret_gid)
{
    char buffer[16384], *fields[FIELDS];
    uint32_t gid = 0, number = 0;
    bool numeric = parse_number(wanted, &number);
    const char *cursor = group;

    while (next_line(&cursor, buffer, sizeof(buffer), fields)) {
        if (parse_number(fields[2], &gid) &&
            (berth_str_equal(fields[0], wanted) || (numeric && gid == number))) {
            *ret_gid = gid;
            return true;
        }
    }
    *ret_gid = number;
    return numeric;
}

/* Adds the groups that list `name` as a member. */
static bool add_memberships(const char *group, const char *name, struct berth_container_user *user)
{
    char buffer[16384], *fields[FIELDS];
    uint32_t gid = 0;
    const char *cursor = group;

    while (next_line(&cursor, buffer, sizeof(buffer), fields)) {
        if (fields[3] == NULL || !parse_number(fields[2], &gid)) {
            continue;
        }
        char *members = fields[3], *member = NULL;
        while ((member = strsep(&members, ",")) != NULL) {
            if (strcmp(member, name) == 0 && !add_group(user, gid)) {
                return false;
            }
        }
    }
    return true;
}

static int lookup_user_part(const char *passwd, const char *wanted,
                            struct berth_container_user *user, char name[256], berth_error *err)
{
    uint32_t number = 0;
    name[0] = '\0';
    if (find_user(passwd, wanted, user, name)) {
        return 0;
    }
    if (parse_number(wanted, &number)) {
        user->uid = number;
        return 0;
    }
    int64_t big = 0;
    if (berth_str_to_int64(wanted, &big)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "uids and gids must be in range 0-2147483647");
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "unable to find user %s: no matching entries in passwd file", wanted);
}

static int add_extra_groups(const char *group, const struct berth_strv *extra,
                            struct berth_container_user *user, berth_error *err)
{
    for (size_t i = 0; extra != NULL && i < extra->count; i++) {
        uint32_t gid = 0;
        if (!find_group(group, extra->items[i], &gid)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "unable to find group %s: no matching entries in group file",
                                   extra->items[i]);
        }
        if (!add_group(user, gid)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

int berth_container_user_parse(const char *passwd, const char *group, const char *spec,
                               const struct berth_strv *extra,
                               struct berth_container_user *ret_user, berth_error *err)
{
    AUTO(berth_container_user_done) struct berth_container_user user = {0};
    AUTO_FREE char *wanted = berth_strdup(spec != NULL && spec[0] != '\0' ? spec : "0");
    char name[256];
    if (wanted == NULL) {
        return berth_error_no_memory(err);
    }
    char *group_part = strchr(wanted, ':');
    if (group_part != NULL) {
        *group_part++ = '\0';
    }
    int result = lookup_user_part(passwd, wanted[0] != '\0' ? wanted : "0", &user, name, err);
    if (result != 0) {
        return result;
    }
    if (!berth_str_empty(group_part)) {
        if (!find_group(group, group_part, &user.gid)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "unable to find group %s: no matching entries in group file",
                                   group_part);
        }
    } else if (name[0] != '\0' && !add_memberships(group, name, &user)) {
        return berth_error_no_memory(err);
    }
    result = add_extra_groups(group, extra, &user, err);
    if (result != 0) {
        return result;
    }
    /* Without the primary group in the list, a setgid program could drop a group that a file's
     * mode denies access to (CVE-2022-36109). */
    if (!put_group_first(&user, user.gid)) {
        return berth_error_no_memory(err);
    }
    if (user.home == NULL && (user.home = berth_strdup("/")) == NULL) {
        return berth_error_no_memory(err);
    }
    *ret_user = user;
    user = (struct berth_container_user){0};
    return 0;
}

/* The text of a file of the container; NULL when it is missing or no plain file of fair size. */
static char *read_container_file(int root_fd, const char *path)
{
    struct stat status;
    AUTO_CLOSE int fd = -1;
    if (berth_linux_path_open(root_fd, path, O_RDONLY | O_NONBLOCK, 0, &fd, NULL) != 0 ||
        fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX) {
        return NULL;
    }
    char *text = malloc((size_t)status.st_size + 1);
    if (text == NULL) {
        return NULL;
    }
    ssize_t length = pread(fd, text, (size_t)status.st_size, 0);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

int berth_container_user_lookup(int root_fd, const char *spec, const struct berth_strv *extra,
                                struct berth_container_user *ret_user, berth_error *err)
{
    AUTO_FREE char *passwd = read_container_file(root_fd, "/etc/passwd");
    AUTO_FREE char *group = read_container_file(root_fd, "/etc/group");
    return berth_container_user_parse(passwd, group, spec, extra, ret_user, err);
}
