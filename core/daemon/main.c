/* SPDX-License-Identifier: Apache-2.0
 *
 * berthd: reads its configuration, opens the engine, listens, serves until SIGTERM. Containers run
 * on when it ends.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "daemon/config.h"
#include "daemon/listen.h"
#include "daemon/notify.h"
#include "daemon/setup.h"
#include "engine/engine.h"
#include "http/server.h"

#define TRIM_AFTER 2000 /* milliseconds without a connection until freed memory goes back */

struct daemon {
    struct berth_daemon_config config;
    int argc;
    char **argv;
    struct berth_engine *engine;
    struct berth_api *api;
    struct berth_http_server *server;
    struct berth_daemon_listeners *listeners;
    int epoll, signals;
    int locks[2];
    bool pidfile_written;
};

/* Signals are read from an fd by the main loop; threads inherit the mask. */
static int32_t open_loop(struct daemon *daemon, berth_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    daemon->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (daemon->signals < 0 || daemon->epoll < 0 ||
        epoll_ctl(daemon->epoll, EPOLL_CTL_ADD, daemon->signals, &event) < 0) {
        return berth_error_errno(err, errno, "making the event loop");
    }
    return 0;
}

static void apply_log_level(const struct berth_daemon_config *config)
{
    enum berth_log_level level = BERTH_LOG_INFO;
    if (config->debug) {
        level = BERTH_LOG_DEBUG;
    } else {
        berth_log_level_parse(config->log_level, &level);
    }
    berth_log_set_level(level);
}

static void log_warnings(const struct berth_daemon_config *config)
{
    AUTO_STRV struct berth_strv warnings = {0};
    berth_daemon_config_warnings(config, &warnings);
    for (size_t i = 0; i < warnings.count; i++) {
        berth_log(BERTH_LOG_WARN, "%s", warnings.items[i]);
    }
}

static int32_t start_server(struct daemon *daemon, berth_error *err)
{
    const struct berth_api_config api = {.engine = daemon->engine};
    struct berth_http_config http;
    int32_t rc = berth_api_new(&api, &daemon->api, err);
    if (rc == 0) {
        berth_api_http_config(daemon->api, &http);
        rc = berth_http_server_start(&http, &daemon->server, err);
    }
    return rc;
}

/* Everything until the daemon answers. The socket appears last, so that who finds it is served. */
static int32_t start(struct daemon *daemon, berth_error *err)
{
    struct berth_daemon_config *config = &daemon->config;
    struct berth_engine_config engine;
    int64_t began = berth_time_monotonic();
    int32_t rc = berth_daemon_setup_process(config, err);
    if (rc == 0) {
        rc = berth_daemon_setup_roots(config, daemon->locks, err);
    }
    if (rc == 0 && config->pidfile != NULL) {
        rc = berth_daemon_setup_pidfile(config->pidfile, err);
        daemon->pidfile_written = rc == 0;
    }
    if (rc == 0) {
        rc = open_loop(daemon, err);
    }
    if (rc == 0) {
        rc = berth_daemon_config_engine(config, &engine, err);
    }
    if (rc == 0) {
        rc = berth_engine_open(&engine, &daemon->engine, err);
    }
    if (rc == 0) {
        rc = start_server(daemon, err);
    }
    if (rc == 0 && config->hosts.count == 0 &&
        !berth_strv_add(&config->hosts, BERTH_DAEMON_SOCKET)) {
        rc = berth_error_no_memory(err);
    }
    if (rc == 0) {
        rc = berth_daemon_listeners_open(berth_engine_plugins(daemon->engine), &config->hosts,
                                         config->group, daemon->epoll, &daemon->listeners, err);
    }
    for (size_t i = 0; rc == 0 && i < config->hosts.count; i++) {
        berth_log(BERTH_LOG_INFO, "API listen on %s", config->hosts.items[i]);
    }
    if (rc == 0) {
        char text[BERTH_TIME_TEXT];
        berth_log(BERTH_LOG_INFO, "Berth %s has completed initialization in %s", BERTH_VERSION,
                  berth_duration_format(berth_time_monotonic() - began, text));
        berth_daemon_notify("READY=1");
    }
    return rc;
}

/* SIGHUP: reads flags and file anew and takes over what may change. */
static void reload(struct daemon *daemon)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_daemon_config fresh;
    struct berth_engine_config engine;
    char text[80];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(berth_time_monotonic() / 1000));
    berth_daemon_notify(text);
    int32_t rc = berth_daemon_config_init(&fresh, &err);
    if (rc == 0) {
        rc = berth_daemon_config_load(&fresh, daemon->argc, daemon->argv, &err);
        if (rc == 0) {
            log_warnings(&fresh);
            berth_daemon_config_reload(&daemon->config, &fresh);
            apply_log_level(&daemon->config);
            rc = berth_daemon_config_engine(&daemon->config, &engine, &err);
        }
        if (rc == 0) {
            rc = berth_engine_reload(daemon->engine, &engine, &err);
        }
        berth_daemon_config_done(&fresh);
    }
    if (rc < 0) {
        berth_log(BERTH_LOG_ERROR, "the configuration was not reloaded: %s", err.msg);
    } else {
        berth_log(BERTH_LOG_INFO, "Reloaded configuration");
    }
    berth_daemon_notify("READY=1");
}

/* Reads one signal; false: the daemon is to end. */
static bool take_signal(struct daemon *daemon)
{
    struct signalfd_siginfo info;
    if (read(daemon->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return true;
    }
    if (info.ssi_signo == SIGHUP) {
        reload(daemon);
        return true;
    }
    berth_log(BERTH_LOG_INFO, "Processing signal '%s'",
              info.ssi_signo == SIGINT ? "interrupt" : "terminated");
    return false;
}

static void serve(struct daemon *daemon)
{
    bool trimmed = false;
    for (;;) {
        struct epoll_event events[16];
        int count =
            epoll_wait(daemon->epoll, events, ARRAY_SIZE(events), trimmed ? -1 : TRIM_AFTER);
        if (count == 0) {
            /* nothing is going on: give what was freed back to the kernel, then sleep */
            trimmed = berth_http_server_active(daemon->server) == 0;
            malloc_trim(0);
        }
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL) {
                trimmed = false;
                berth_daemon_listeners_accept(daemon->listeners, events[i].data.ptr,
                                              daemon->server);
            } else if (!take_signal(daemon)) {
                return;
            }
        }
    }
}

/* Returns whether everything was closed in order. */
static bool stop(struct daemon *daemon)
{
    bool idle = true;
    berth_daemon_notify("STOPPING=1");
    berth_daemon_listeners_close(daemon->listeners);
    if (daemon->server != NULL) {
        idle = berth_http_server_stop(daemon->server, (int)daemon->config.shutdown_timeout * 1000);
    }
    if (!idle) {
        /* threads still use the engine: its state is on disk, so the process may just end */
        berth_log(BERTH_LOG_WARN, "requests did not end within %lld s",
                  (long long)daemon->config.shutdown_timeout);
    } else {
        berth_api_free(daemon->api);
        berth_engine_close(daemon->engine);
    }
    if (daemon->pidfile_written) {
        unlink(daemon->config.pidfile);
    }
    return idle;
}

static int run(struct daemon *daemon)
{
    berth_error err = BERTH_ERROR_INIT;
    int32_t rc = start(daemon, &err);
    if (rc < 0) {
        berth_log(BERTH_LOG_FATAL, "failed to start berthd: %s", err.msg);
    } else {
        serve(daemon);
    }
    if (!stop(daemon)) {
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        if (daemon->locks[i] >= 0) {
            close(daemon->locks[i]);
        }
    }
    close(daemon->epoll);
    close(daemon->signals);
    berth_log(BERTH_LOG_INFO, "Daemon shutdown complete");
    return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    berth_error err = BERTH_ERROR_INIT;
    struct daemon daemon = {
        .argc = argc, .argv = argv, .epoll = -1, .signals = -1, .locks = {-1, -1}};
    int32_t rc = berth_daemon_config_init(&daemon.config, &err);
    if (rc == 0) {
        rc = berth_daemon_config_load(&daemon.config, argc, argv, &err);
    }
    int status = 0;
    if (rc < 0) {
        fprintf(stderr, "%s\n", err.msg);
        /* dockerd's codes: 125 for the command line, 1 for the file */
        status = strstr(err.msg, "See 'berthd --help'") != NULL ? 125 : 1;
    } else if (daemon.config.help) {
        AUTO_FREE char *usage = berth_daemon_config_usage();
        fputs(usage != NULL ? usage : "", stdout);
    } else if (daemon.config.version) {
        fprintf(stdout, "Berth version %s, build %s\n", BERTH_VERSION, BERTH_BUILD);
    } else if (daemon.config.validate) {
        fprintf(stderr, "configuration OK\n");
    } else {
        apply_log_level(&daemon.config);
        log_warnings(&daemon.config);
        status = run(&daemon);
    }
    berth_daemon_config_done(&daemon.config);
    return status;
}
