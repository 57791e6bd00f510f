/* SPDX-License-Identifier: Apache-2.0
 *
 * The flags of run and create.
 */
#include "cli/run_flags.h"

#include "base/cleanup.h"

#define BOOL_LINE(name_, letter_, help_) BERTH_FLAG_LINE(BOOL, name_, letter_, help_)
#define TEXT_LINE(name_, letter_, help_) BERTH_FLAG_LINE(STRING, name_, letter_, help_)
#define INT_LINE(name_, letter_, help_)  BERTH_FLAG_LINE(INT, name_, letter_, help_)
#define SIZE_LINE(name_, letter_, help_) BERTH_FLAG_LINE(BYTES, name_, letter_, help_)
#define TIME_LINE(name_, help_)          BERTH_FLAG_LINE(DURATION, name_, 0, help_)
#define LIST_LINE(name_, letter_, check_, help_)                                             \
    {                                                                                        \
        .name = (name_), .shorthand = (letter_), .type = BERTH_FLAG_LIST, .check = (check_), \
        .help = (help_)                                                                      \
    }
#define WORD_LINE(name_, letter_, word_, check_, help_)                                     \
    {                                                                                       \
        .name = (name_), .shorthand = (letter_), .type = BERTH_FLAG_LIST, .value = (word_), \
        .check = (check_), .help = (help_)                                                  \
    }
#define OTHER_NAME(name_, type_, target_)                                        \
    {                                                                            \
        .name = (name_), .type = BERTH_FLAG_##type_, .flags = BERTH_FLAG_HIDDEN, \
        .alias_of = (target_), .help = ""                                        \
    }

const struct berth_flag berth_run_flags[] = {
    LIST_LINE("add-host", 0, berth_check_add_host, "Add a custom host-to-IP mapping (host:ip)"),
    WORD_LINE("annotation", 0, "map", NULL,
              "Add an annotation to the container (passed through to the OCI runtime)"),
    LIST_LINE("attach", 'a', berth_check_attach, "Attach to STDIN, STDOUT or STDERR"),
    {.name = "blkio-weight",
     .type = BERTH_FLAG_INT,
     .flags = BERTH_FLAG_UNSIGNED,
     .value = "uint16",
     .initial = "0",
     .check = berth_check_weight,
     .help = "Block IO (relative weight), between 10 and 1000, or 0 to disable"},
    LIST_LINE("blkio-weight-device", 0, berth_check_device_weight,
              "Block IO weight (relative device weight)"),
    LIST_LINE("cap-add", 0, NULL, "Add Linux capabilities"),
    LIST_LINE("cap-drop", 0, NULL, "Drop Linux capabilities"),
    TEXT_LINE("cgroup-parent", 0, "Optional parent cgroup for the container"),
    TEXT_LINE("cgroupns", 0,
              "Cgroup namespace to use (host|private)\n'host':    the host's cgroup namespace\n"
              "'private': a cgroup namespace of its own\n'':        what the daemon is set to "
              "(default)"),
    TEXT_LINE("cidfile", 0, "Write the container ID to the file"),
    INT_LINE("cpu-count", 0, "CPU count (Windows only)"),
    INT_LINE("cpu-percent", 0, "CPU percent (Windows only)"),
    INT_LINE("cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period"),
    INT_LINE("cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    INT_LINE("cpu-rt-period", 0, "Limit CPU real-time period in microseconds"),
    INT_LINE("cpu-rt-runtime", 0, "Limit CPU real-time runtime in microseconds"),
    INT_LINE("cpu-shares", 'c', "CPU shares (relative weight)"),
    {.name = "cpus",
     .type = BERTH_FLAG_STRING,
     .value = "decimal",
     .check = berth_check_cpus,
     .help = "Number of CPUs"},
    TEXT_LINE("cpuset-cpus", 0, "CPUs in which to allow execution (0-3, 0,1)"),
    TEXT_LINE("cpuset-mems", 0, "MEMs in which to allow execution (0-3, 0,1)"),
    LIST_LINE("device", 0, NULL, "Add a host device to the container"),
    LIST_LINE("device-cgroup-rule", 0, berth_check_cgroup_rule,
              "Add a rule to the cgroup allowed devices list"),
    LIST_LINE("device-read-bps", 0, berth_check_device_bps,
              "Limit read rate (bytes per second) from a device"),
    LIST_LINE("device-read-iops", 0, berth_check_device_iops,
              "Limit read rate (IO per second) from a device"),
    LIST_LINE("device-write-bps", 0, berth_check_device_bps,
              "Limit write rate (bytes per second) to a device"),
    LIST_LINE("device-write-iops", 0, berth_check_device_iops,
              "Limit write rate (IO per second) to a device"),
    {.name = "disable-content-trust",
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .flags = BERTH_FLAG_HIDDEN,
     .help = "Skip image verification"},
    LIST_LINE("dns", 0, berth_check_dns, "Set custom DNS servers"),
    OTHER_NAME("dns-opt", LIST, "dns-option"),
    LIST_LINE("dns-option", 0, NULL, "Set DNS options"),
    LIST_LINE("dns-search", 0, NULL, "Set custom DNS search domains"),
    TEXT_LINE("domainname", 0, "Container NIS domain name"),
    TEXT_LINE("entrypoint", 0, "Overwrite the default ENTRYPOINT of the image"),
    LIST_LINE("env", 'e', berth_check_env, "Set environment variables"),
    LIST_LINE("env-file", 0, NULL, "Read in a file of environment variables"),
    LIST_LINE("expose", 0, NULL, "Expose a port or a range of ports"),
    WORD_LINE("gpus", 0, "gpu-request", berth_check_gpus,
              "GPU devices to add to the container ('all' to pass all GPUs)"),
    LIST_LINE("group-add", 0, NULL, "Add additional groups to join"),
    TEXT_LINE("health-cmd", 0, "Command to run to check health"),
    TIME_LINE("health-interval", "Time between running the check (ms|s|m|h) (default 0s)"),
    INT_LINE("health-retries", 0, "Consecutive failures needed to report unhealthy"),
    TIME_LINE("health-start-interval",
              "Time between running the check during the start period (ms|s|m|h) (default 0s)"),
    TIME_LINE("health-start-period", "Start period for the container to initialize before "
                                     "failures count (ms|s|m|h) (default 0s)"),
    TIME_LINE("health-timeout", "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
    TEXT_LINE("hostname", 'h', "Container host name"),
    BOOL_LINE("init", 0,
              "Run an init inside the container that forwards signals and reaps processes"),
    BOOL_LINE("interactive", 'i', "Keep STDIN open even if not attached"),
    SIZE_LINE("io-maxbandwidth", 0,
              "Maximum IO bandwidth limit for the system drive (Windows only)"),
    {.name = "io-maxiops",
     .type = BERTH_FLAG_INT,
     .flags = BERTH_FLAG_UNSIGNED,
     .value = "uint",
     .help = "Maximum IOps limit for the system drive (Windows only)"},
    TEXT_LINE("ip", 0, "IPv4 address (e.g., 172.30.100.104)"),
    TEXT_LINE("ip6", 0, "IPv6 address (e.g., 2001:db8::33)"),
    TEXT_LINE("ipc", 0, "IPC mode to use"),
    TEXT_LINE("isolation", 0, "Container isolation technology"),
    SIZE_LINE("kernel-memory", 0, "Kernel memory limit"),
    LIST_LINE("label", 'l', berth_check_label, "Set meta data on a container"),
    LIST_LINE("label-file", 0, NULL, "Read in a line delimited file of labels"),
    LIST_LINE("link", 0, berth_check_link, "Add link to another container"),
    LIST_LINE("link-local-ip", 0, NULL, "Container IPv4/IPv6 link-local addresses"),
    TEXT_LINE("log-driver", 0, "Logging driver for the container"),
    LIST_LINE("log-opt", 0, NULL, "Log driver options"),
    TEXT_LINE("mac-address", 0, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    SIZE_LINE("memory", 'm', "Memory limit"),
    SIZE_LINE("memory-reservation", 0, "Memory soft limit"),
    {.name = "memory-swap",
     .type = BERTH_FLAG_BYTES,
     .flags = BERTH_FLAG_UNLIMITED,
     .help = "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"},
    {.name = "memory-swappiness",
     .type = BERTH_FLAG_INT,
     .initial = "-1",
     .help = "Tune container memory swappiness (0 to 100)"},
    WORD_LINE("mount", 0, "mount", berth_check_mount, "Attach a filesystem mount to the container"),
    TEXT_LINE("name", 0, "Assign a name to the container"),
    OTHER_NAME("net", LIST, "network"),
    OTHER_NAME("net-alias", LIST, "network-alias"),
    WORD_LINE("network", 0, "network", berth_check_network, "Connect a container to a network"),
    LIST_LINE("network-alias", 0, NULL, "Add network-scoped alias for the container"),
    BOOL_LINE("no-healthcheck", 0, "Disable any container-specified HEALTHCHECK"),
    BOOL_LINE("oom-kill-disable", 0, "Disable OOM Killer"),
    INT_LINE("oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)"),
    TEXT_LINE("pid", 0, "PID namespace to use"),
    INT_LINE("pids-limit", 0, "Tune container pids limit (set -1 for unlimited)"),
    TEXT_LINE("platform", 0, "Set platform if server is multi-platform capable"),
    BOOL_LINE("privileged", 0, "Give extended privileges to this container"),
    LIST_LINE("publish", 'p', NULL, "Publish a container's port(s) to the host"),
    BOOL_LINE("publish-all", 'P', "Publish all exposed ports to random ports"),
    {.name = "pull",
     .type = BERTH_FLAG_STRING,
     .initial = "missing",
     .help = "Pull image before running (\"always\", \"missing\", \"never\")"},
    BOOL_LINE("quiet", 'q', "Suppress the pull output"),
    BOOL_LINE("read-only", 0, "Mount the container's root filesystem as read only"),
    {.name = "restart",
     .type = BERTH_FLAG_STRING,
     .initial = "no",
     .help = "Restart policy to apply when a container exits"},
    BOOL_LINE("rm", 0,
              "Automatically remove the container and its associated anonymous volumes when it "
              "exits"),
    TEXT_LINE("runtime", 0, "Runtime to use for this container"),
    LIST_LINE("security-opt", 0, NULL, "Security Options"),
    SIZE_LINE("shm-size", 0, "Size of /dev/shm"),
    TEXT_LINE("stop-signal", 0, "Signal to stop the container"),
    INT_LINE("stop-timeout", 0, "Timeout (in seconds) to stop a container"),
    LIST_LINE("storage-opt", 0, NULL, "Storage driver options for the container"),
    WORD_LINE("sysctl", 0, "map", berth_check_sysctl, "Sysctl options"),
    LIST_LINE("tmpfs", 0, NULL, "Mount a tmpfs directory"),
    BOOL_LINE("tty", 't', "Allocate a pseudo-TTY"),
    WORD_LINE("ulimit", 0, "ulimit", berth_check_ulimit, "Ulimit options"),
    TEXT_LINE("user", 'u', "Username or UID (format: <name|uid>[:<group|gid>])"),
    TEXT_LINE("userns", 0, "User namespace to use"),
    TEXT_LINE("uts", 0, "UTS namespace to use"),
    LIST_LINE("volume", 'v', NULL, "Bind mount a volume"),
    TEXT_LINE("volume-driver", 0, "Optional volume driver for the container"),
    LIST_LINE("volumes-from", 0, NULL, "Mount volumes from the specified container(s)"),
    TEXT_LINE("workdir", 'w', "Working directory inside the container"),
};

_Static_assert(ARRAY_SIZE(berth_run_flags) == BERTH_RUN_FLAGS_COUNT, "count of run's flags");
