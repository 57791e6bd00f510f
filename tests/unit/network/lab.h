/* SPDX-License-Identifier: Apache-2.0
 *
 * A network laboratory for tests: the whole test process moves into a network namespace of its own
 * ("the machine"), so that the real machine's interfaces and rules are never touched. Neighbours
 * are further namespaces joined to it by veth pairs. Sockets are made inside any namespace and used
 * from the test's one thread.
 */
#ifndef BERTH_TESTS_NETWORK_LAB_H
#define BERTH_TESTS_NETWORK_LAB_H

#include <stdbool.h>

/* Moves into a fresh namespace with lo up. False: not root, skip. */
bool lab_begin(void);
/* The machine's own namespace. */
int lab_machine(void);
/* A new namespace with lo up; close() it. */
int lab_namespace(void);
/* Runs a shell line inside a namespace; returns its exit status. */
int lab_run(int netns, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first line such a command prints, for numbers and addresses. */
const char *lab_read(int netns, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A neighbour joined by a veth: 10.9.N.1/24 on the machine, 10.9.N.2/24 there; no default route. */
int lab_neighbour(int number);

/* A listening TCP or bound UDP socket inside a namespace; host may be NULL (all addresses). */
int lab_listen(int netns, int type, const char *host, int port);
/* Sends a line from `netns` to host:port and waits for an echo of the server socket, which answers
 * with its text. Returns true when the answer came, with some patience. ret_peer (may be NULL):
 * whom the server saw. */
bool lab_talk(int netns, int type, const char *host, int port, int server, char ret_peer[64]);
/* True when such a message does not get through, without much patience. */
bool lab_reaches_not(int netns, int type, const char *host, int port, int server);

#endif
