/* SPDX-License-Identifier: Apache-2.0
 *
 * The network laboratory.
 */
#include "network/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS  5000 /* for what should come, on a busy machine */
#define QUIET_MS 300  /* for what should not */

static int patience = WAIT_MS;

static int machine = -1;

static int open_own(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

bool lab_begin(void)
{
    if (unshare(CLONE_NEWNET) < 0) {
        return false;
    }
    machine = open_own();
    return lab_run(machine, "ip link set lo up") == 0;
}

int lab_machine(void)
{
    return machine;
}

static void enter(int netns)
{
    if (setns(netns, CLONE_NEWNET) < 0) {
        perror("setns");
        abort();
    }
}

int lab_namespace(void)
{
    int fd;
    if (unshare(CLONE_NEWNET) < 0) {
        abort();
    }
    fd = open_own();
    enter(machine);
    lab_run(fd, "ip link set lo up");
    return fd;
}

int lab_run(int netns, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    int status;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    enter(netns);
    status = system(line);
    enter(machine);
    return status;
}

const char *lab_read(int netns, const char *format, ...)
{
    static char answer[1024];
    char line[1024];
    va_list arguments;
    FILE *output;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    enter(netns);
    output = popen(line, "r");
    answer[0] = '\0';
    if (output != NULL) {
        if (fgets(answer, sizeof(answer), output) != NULL) {
            answer[strcspn(answer, "\n")] = '\0';
        }
        pclose(output);
    }
    enter(machine);
    return answer;
}

int lab_neighbour(int number)
{
    int netns = lab_namespace();
    int status = lab_run(machine,
                         "ip link add lab%d type veth peer name eth0 netns /proc/%d/fd/%d && "
                         "ip addr add 10.9.%d.1/24 dev lab%d && ip link set lab%d up",
                         number, getpid(), netns, number, number, number);
    if (status == 0) {
        status = lab_run(netns, "ip addr add 10.9.%d.2/24 dev eth0 && ip link set eth0 up", number);
    }
    if (status != 0) {
        abort();
    }
    return netns;
}

static int make(int netns, const char *host, int port, int type, bool server)
{
    struct addrinfo hints = {.ai_socktype = type,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[8];
    int one = 1, fd;
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host != NULL ? host : "0.0.0.0", service, &hints, &found) != 0) {
        abort();
    }
    enter(netns);
    fd = socket(found->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (server) {
        if (bind(fd, found->ai_addr, found->ai_addrlen) < 0 ||
            (type == SOCK_STREAM && listen(fd, 16) < 0)) {
            close(fd);
            fd = -1;
        }
    } else if (connect(fd, found->ai_addr, found->ai_addrlen) < 0 && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    enter(machine);
    freeaddrinfo(found);
    return fd;
}

int lab_listen(int netns, int type, const char *host, int port)
{
    return make(netns, host, port, type, true);
}

static bool ready(int fd, short events)
{
    struct pollfd item = {.fd = fd, .events = events};
    return poll(&item, 1, patience) == 1 && (item.revents & events) != 0;
}

static void name_peer(const struct sockaddr *address, socklen_t size, char *text)
{
    if (text != NULL) {
        getnameinfo(address, size, text, 64, NULL, 0, NI_NUMERICHOST);
    }
}

static bool talk_stream(int client, int server, char *peer)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    char text[8] = "";
    int accepted;
    bool good;
    if (!ready(server, POLLIN)) {
        return false;
    }
    accepted = accept4(server, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
    name_peer((struct sockaddr *)&from, size, peer);
    good = accepted >= 0 && ready(client, POLLOUT) && send(client, "ping", 4, 0) == 4 &&
           ready(accepted, POLLIN) && recv(accepted, text, sizeof(text), 0) == 4 &&
           send(accepted, text, 4, 0) == 4 && ready(client, POLLIN) &&
           recv(client, text, sizeof(text), 0) == 4;
    close(accepted);
    return good;
}

static bool talk_datagram(int client, int server, char *peer)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    char text[8] = "";
    if (send(client, "ping", 4, 0) != 4 || !ready(server, POLLIN) ||
        recvfrom(server, text, sizeof(text), 0, (struct sockaddr *)&from, &size) != 4) {
        return false;
    }
    name_peer((struct sockaddr *)&from, size, peer);
    return sendto(server, text, 4, 0, (struct sockaddr *)&from, size) == 4 &&
           ready(client, POLLIN) && recv(client, text, sizeof(text), 0) == 4;
}

bool lab_reaches_not(int netns, int type, const char *host, int port, int server)
{
    patience = QUIET_MS;
    bool reached = lab_talk(netns, type, host, port, server, NULL);
    patience = WAIT_MS;
    return !reached;
}

bool lab_talk(int netns, int type, const char *host, int port, int server, char ret_peer[64])
{
    int client = make(netns, host, port, type, false);
    bool good;
    if (client < 0) {
        return false;
    }
    good = type == SOCK_STREAM ? talk_stream(client, server, ret_peer)
                               : talk_datagram(client, server, ret_peer);
    close(client);
    return good;
}
