/* SPDX-License-Identifier: Apache-2.0
 *
 * The files a shim leaves in its state directory: one message head and body each.
 */
#include "shim/shim.h"
#include "shim/wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int record_write(struct shim *s, const char *name, const struct berth_shim_message *message)
{
    struct berth_shim_message copy = *message;
    int atomic = message->type == BERTH_SHIM_EXITED;
    const char *target = atomic ? ".exit.new" : name;
    int fd = openat(s->state_dir, target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return -1;
    }
    copy.body_size = sizeof(copy.body);
    copy.data_size = 0;
    copy.unused = BERTH_SHIM_MAGIC;
    ssize_t n = write(fd, &copy, sizeof(copy));
    close(fd);
    if (n != (ssize_t)sizeof(copy)) {
        unlinkat(s->state_dir, target, 0);
        return -1;
    }
    return atomic ? renameat(s->state_dir, target, s->state_dir, name) : 0;
}

uint64_t process_start_time(pid_t pid)
{
    char path[32], text[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    return berth_shim_stat_start_time(text);
}
