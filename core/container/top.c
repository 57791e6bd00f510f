/* SPDX-License-Identifier: Apache-2.0
 *
 * GET top: the columns of ps(1) for the processes of a container, read from /proc (proc(5)). No
 * ps is run: the daemon would have to trust its output.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "container/start.h"
#include "linux/path.h"

enum { COLUMNS_MAX = 64, NAME_ROOM = 256 };

struct process {
    int pid, ppid, pgid, session, tty, nice, threads;
    unsigned uid;
    char state, name[64];
    unsigned long long utime, stime, start_ticks, vsize;
    long rss_pages;
    char command[4096];
};

static void add_text(struct berth_strv *cells, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_text(struct berth_strv *cells, const char *format, ...)
{
    char text[4200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!berth_strv_add(cells, text)) {
        cells->count = cells->count + 0; /* a missing cell shows as a short row */
    }
}

static double uptime_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long ticks(void)
{
    return sysconf(_SC_CLK_TCK);
}

static void cell_user(const struct process *process, struct berth_strv *cells)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    AUTO_FILE FILE *file = fopen("/etc/passwd", "re");
    while (file != NULL && fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
        if (entry.pw_uid == process->uid) {
            add_text(cells, "%s", entry.pw_name);
            return;
        }
    }
    add_text(cells, "%u", process->uid);
}

static void cell_uid(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%u", process->uid);
}

static void cell_pid(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", process->pid);
}

static void cell_ppid(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", process->ppid);
}

static void cell_pgid(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", process->pgid);
}

static void cell_session(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", process->session);
}

static void cell_nice(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", process->nice);
}

static void cell_threads(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", process->threads);
}

static double cpu_percent(const struct process *process)
{
    double alive = uptime_seconds() - (double)process->start_ticks / (double)ticks();
    double used = (double)(process->utime + process->stime) / (double)ticks();
    return alive > 0 ? used * 100 / alive : 0;
}

static void cell_c(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%d", (int)cpu_percent(process));
}

static void cell_pcpu(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%.1f", cpu_percent(process));
}

static void cell_pmem(const struct process *process, struct berth_strv *cells)
{
    struct sysinfo info;
    double total = sysinfo(&info) == 0 ? (double)info.totalram * info.mem_unit : 1;
    add_text(cells, "%.1f",
             (double)process->rss_pages * (double)sysconf(_SC_PAGESIZE) * 100 / total);
}

static void cell_vsz(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%llu", process->vsize / 1024);
}

static void cell_rss(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%ld", process->rss_pages * (sysconf(_SC_PAGESIZE) / 1024));
}

/* "12:34" for today's, "Nov23" for older ones. */
static void cell_start(const struct process *process, struct berth_strv *cells)
{
    char text[32];
    struct tm local, today;
    time_t now = time(NULL);
    time_t start =
        now - (time_t)(uptime_seconds() - (double)process->start_ticks / (double)ticks());
    localtime_r(&start, &local);
    localtime_r(&now, &today);
    bool same = local.tm_yday == today.tm_yday && local.tm_year == today.tm_year;
    strftime(text, sizeof(text), same ? "%H:%M" : "%b%d", &local);
    add_text(cells, "%s", text);
}

static void cell_tty(const struct process *process, struct berth_strv *cells)
{
    unsigned number = (unsigned)process->tty;
    if (number == 0) {
        add_text(cells, "?");
    } else if (major(number) >= 136 && major(number) <= 143) {
        add_text(cells, "pts/%u", (major(number) - 136) * 256 + minor(number));
    } else {
        add_text(cells, "tty%u", minor(number));
    }
}

static void cell_stat(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%c%s%s", process->state, process->session == process->pid ? "s" : "",
             process->threads > 1 ? "l" : "");
}

static void cell_time(const struct process *process, struct berth_strv *cells)
{
    unsigned long long seconds = (process->utime + process->stime) / (unsigned long long)ticks();
    add_text(cells, "%02llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static void cell_command(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%s", process->command);
}

static void cell_name(const struct process *process, struct berth_strv *cells)
{
    add_text(cells, "%s", process->name);
}

struct column {
    const char *keyword, *title;
    void (*cell)(const struct process *process, struct berth_strv *cells);
};

static const struct column columns_known[] = {
    {"user", "USER", cell_user},
    {"uid", "UID", cell_uid},
    {"pid", "PID", cell_pid},
    {"ppid", "PPID", cell_ppid},
    {"pgid", "PGID", cell_pgid},
    {"sid", "SID", cell_session},
    {"sess", "SESS", cell_session},
    {"ni", "NI", cell_nice},
    {"nice", "NI", cell_nice},
    {"nlwp", "NLWP", cell_threads},
    {"c", "C", cell_c},
    {"pcpu", "%CPU", cell_pcpu},
    {"%cpu", "%CPU", cell_pcpu},
    {"pmem", "%MEM", cell_pmem},
    {"%mem", "%MEM", cell_pmem},
    {"vsz", "VSZ", cell_vsz},
    {"rss", "RSS", cell_rss},
    {"stime", "STIME", cell_start},
    {"start", "START", cell_start},
    {"start_time", "START", cell_start},
    {"tty", "TTY", cell_tty},
    {"tt", "TT", cell_tty},
    {"stat", "STAT", cell_stat},
    {"s", "S", cell_stat},
    {"time", "TIME", cell_time},
    {"cputime", "TIME", cell_time},
    {"args", "COMMAND", cell_command},
    {"command", "COMMAND", cell_command},
    {"cmd", "CMD", cell_command},
    {"comm", "COMMAND", cell_name},
    {"ucmd", "CMD", cell_name},
};

static const struct column full[] = {
    {"", "UID", cell_user},  {"", "PID", cell_pid},     {"", "PPID", cell_ppid},
    {"", "C", cell_c},       {"", "STIME", cell_start}, {"", "TTY", cell_tty},
    {"", "TIME", cell_time}, {"", "CMD", cell_command},
};

static const struct column bsd[] = {
    {"", "USER", cell_user}, {"", "PID", cell_pid},         {"", "%CPU", cell_pcpu},
    {"", "%MEM", cell_pmem}, {"", "VSZ", cell_vsz},         {"", "RSS", cell_rss},
    {"", "TTY", cell_tty},   {"", "STAT", cell_stat},       {"", "START", cell_start},
    {"", "TIME", cell_time}, {"", "COMMAND", cell_command},
};

static const struct column plain[] = {
    {"", "PID", cell_pid},
    {"", "TTY", cell_tty},
    {"", "TIME", cell_time},
    {"", "CMD", cell_name},
};

struct layout {
    struct column columns[COLUMNS_MAX];
    size_t count;
};

static void use(struct layout *layout, const struct column *columns, size_t count)
{
    memcpy(layout->columns, columns, count * sizeof(*columns));
    layout->count = count;
}

/* "pid,comm=NAME" */
static int add_keywords(struct layout *layout, const char *list, berth_error *err)
{
    AUTO_STRV struct berth_strv words = {0};
    if (!berth_strv_split(&words, list, ',')) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < words.count; i++) {
        char *word = words.items[i];
        word[strcspn(word, "=")] = '\0';
        bool found = false;
        for (size_t k = 0; k < ARRAY_SIZE(columns_known) && !found; k++) {
            if (strcmp(columns_known[k].keyword, word) == 0 && layout->count < COLUMNS_MAX) {
                layout->columns[layout->count++] = columns_known[k];
                found = true;
            }
        }
        if (!found) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "ps: error: unknown user-defined format specifier \"%s\"", word);
        }
    }
    return 0;
}

/* One argument of ps: an option group we know; `next` is the argument after it. 1: it was used. */
static int apply_argument(struct layout *layout, const char *argument, const char *next,
                          berth_error *err)
{
    const char *letters = argument[0] == '-' ? argument + 1 : argument;
    const char *o = strchr(letters, 'o');
    if (o != NULL) {
        if (layout->count > 0 && layout->columns[0].keyword[0] == '\0') {
            layout->count = 0;
        }
        int result = add_keywords(layout, o[1] != '\0' ? o + 1 : (next != NULL ? next : ""), err);
        return result != 0 ? result : o[1] == '\0';
    }
    if (argument[0] != '-' && strchr(letters, 'u') != NULL) {
        use(layout, bsd, ARRAY_SIZE(bsd));
        return 0;
    }
    if (strchr(letters, 'f') != NULL) {
        use(layout, full, ARRAY_SIZE(full));
        return 0;
    }
    if (strspn(letters, "eaAxwdNT") == strlen(letters)) {
        return 0;
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "ps: unsupported option %s", argument);
}

static int parse_arguments(const char *text, struct layout *layout, berth_error *err)
{
    AUTO_STRV struct berth_strv words = {0};
    if (berth_str_empty(text)) {
        text = "-ef";
    }
    if (!berth_strv_split(&words, text, ' ')) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < words.count; i++) {
        if (words.items[i][0] == '\0') {
            continue;
        }
        const char *next = i + 1 < words.count ? words.items[i + 1] : NULL;
        int result = apply_argument(layout, words.items[i], next, err);
        if (result < 0) {
            return result;
        }
        i += result == 1;
    }
    if (layout->count == 0) {
        use(layout, plain, ARRAY_SIZE(plain));
    }
    return 0;
}

static bool read_command(int dir, struct process *process)
{
    AUTO_CLOSE int fd = openat(dir, "cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, process->command, sizeof(process->command) - 1) : -1;
    if (length <= 0) {
        snprintf(process->command, sizeof(process->command), "[%s]", process->name);
        return fd >= 0;
    }
    for (ssize_t i = 0; i < length - 1; i++) {
        process->command[i] = process->command[i] == '\0' ? ' ' : process->command[i];
    }
    process->command[length] = '\0';
    return true;
}

/* Fields of /proc/PID/stat, proc(5). False: it has ended. */
static bool read_process(pid_t pid, struct process *process)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FREE char *text = NULL;
    if (dir < 0 || fstat(dir, &status) < 0 ||
        berth_linux_file_read(dir, "stat", 8192, &text, NULL, NULL) != 0) {
        return false;
    }
    const char *open_mark = strchr(text, '('), *close_mark = strrchr(text, ')');
    if (open_mark == NULL || close_mark == NULL) {
        return false;
    }
    *process = (struct process){.pid = pid, .uid = status.st_uid};
    snprintf(process->name, sizeof(process->name), "%.*s", (int)(close_mark - open_mark - 1),
             open_mark + 1);
    int count =
        sscanf(close_mark + 1,
               " %c %d %d %d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %d %d %*d "
               "%llu %llu %ld",
               &process->state, &process->ppid, &process->pgid, &process->session, &process->tty,
               &process->utime, &process->stime, &process->nice, &process->threads,
               &process->start_ticks, &process->vsize, &process->rss_pages);
    return count == 12 && read_command(dir, process);
}

static int fill_rows(const struct layout *layout, const pid_t *pids, size_t count,
                     struct berth_container_top *top, berth_error *err)
{
    top->rows = calloc(count + 1, sizeof(*top->rows));
    if (top->rows == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < layout->count; i++) {
        add_text(&top->titles, "%s", layout->columns[i].title);
    }
    for (size_t i = 0; i < count; i++) {
        struct process process;
        if (!read_process(pids[i], &process)) {
            continue;
        }
        struct berth_top_row *row = &top->rows[top->row_count++];
        for (size_t k = 0; k < layout->count; k++) {
            layout->columns[k].cell(&process, &row->cells);
        }
    }
    return 0;
}

int berth_container_top(struct berth_container_manager *manager, const char *ref,
                        const char *ps_arguments, struct berth_container_top *ret, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    struct layout layout = {0};
    struct berth_linux_cgroup_plan plan = {0};
    struct berth_container_top top = {0};
    AUTO_FREE pid_t *pids = NULL;
    size_t count = 0;
    int result = container_find(manager, ref, &container, err);
    result = result != 0 ? result : parse_arguments(ps_arguments, &layout, err);
    if (result == 0 && !container_is_running(container)) {
        result =
            berth_error_set(err, BERTH_E_CONFLICT, 0, "container %s is not running", container->id);
    }
    result = result != 0 ? result : container_cgroup_plan(container, &plan, err);
    result = result != 0 ? result : berth_linux_cgroup_pids(&plan, &pids, &count, err);
    result = result != 0 ? result : fill_rows(&layout, pids, count, &top, err);
    berth_linux_cgroup_plan_done(&plan);
    if (result != 0) {
        berth_container_top_done(&top);
        return result;
    }
    container_event(container, "top", NULL, NULL);
    *ret = top;
    return 0;
}

void berth_container_top_done(struct berth_container_top *top)
{
    berth_strv_done(&top->titles);
    for (size_t i = 0; i < top->row_count; i++) {
        berth_strv_done(&top->rows[i].cells);
    }
    free(top->rows);
    *top = (struct berth_container_top){0};
}

static struct json_object *string_array(const struct berth_strv *items)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; array != NULL && i < items->count; i++) {
        json_object_array_add(array, json_object_new_string(items->items[i]));
    }
    return array;
}

struct json_object *berth_container_top_json(const struct berth_container_top *top)
{
    struct json_object *json = json_object_new_object();
    struct json_object *rows = json_object_new_array();
    if (json == NULL || rows == NULL) {
        json_object_put(json);
        json_object_put(rows);
        return NULL;
    }
    for (size_t i = 0; i < top->row_count; i++) {
        json_object_array_add(rows, string_array(&top->rows[i].cells));
    }
    json_object_object_add(json, "Titles", string_array(&top->titles));
    json_object_object_add(json, "Processes", rows);
    return json;
}
