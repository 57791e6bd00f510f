/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing "meta" files.
 */
#include "meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <berth/helpers/cleanup.h>

#define MAX_META 512

int meta_write(int folder_fd, const char *key, const struct meta *meta)
{
    char text[MAX_META];
    int length =
        snprintf(text, sizeof(text), "%s %s\nboot %s\nend\n", key, meta->parent, meta->boot);
    BERTH_AUTO_CLOSE int fd =
        openat(folder_fd, "meta", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    ssize_t written = write(fd, text, (size_t)length);
    if (written < 0) {
        return -errno;
    }
    return written == length ? 0 : -ENOSPC;
}

static ssize_t read_file(int folder_fd, const char *name, char *text, size_t size)
{
    BERTH_AUTO_CLOSE int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -errno;
    }
    ssize_t length = read(fd, text, size - 1);
    if (length < 0) {
        return -errno;
    }
    text[length] = '\0';
    return length;
}

/* The value after "key " in a line; moves *at behind the line. False: another line. */
static bool take_value(char **at, const char *key, char *ret_value, size_t size)
{
    size_t length = strlen(key);
    char *end = strchr(*at, '\n');
    if (end == NULL || strncmp(*at, key, length) != 0 || (*at)[length] != ' ' ||
        (size_t)(end - *at) - length - 1 >= size) {
        return false;
    }
    size_t count = (size_t)(end - *at) - length - 1;
    memcpy(ret_value, *at + length + 1, count);
    ret_value[count] = '\0';
    *at = end + 1;
    return true;
}

int meta_read(int folder_fd, const char *key, struct meta *ret_meta)
{
    char text[MAX_META], *at = text;
    ssize_t length = read_file(folder_fd, "meta", text, sizeof(text));
    if (length < 0) {
        return (int)length;
    }
    if (!take_value(&at, key, ret_meta->parent, sizeof(ret_meta->parent)) ||
        !take_value(&at, "boot", ret_meta->boot, sizeof(ret_meta->boot)) ||
        strcmp(at, "end\n") != 0) {
        return -EBADMSG;
    }
    return 0;
}

int read_line(int folder_fd, const char *name, char *ret_text, size_t size)
{
    ssize_t length = read_file(folder_fd, name, ret_text, size);
    if (length < 0) {
        return (int)length;
    }
    ret_text[strcspn(ret_text, "\n")] = '\0';
    return 0;
}
