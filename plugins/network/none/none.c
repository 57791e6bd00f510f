/* SPDX-License-Identifier: Apache-2.0
 *
 * The network driver none: containers have a network namespace with loopback and nothing else.
 */
#include "../common/plain.h"

PLAIN_DRIVER("none", "containers have loopback only", BERTH_NETWORK_CAP_NO_INTERFACES)
