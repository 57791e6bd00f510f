/* SPDX-License-Identifier: Apache-2.0
 *
 * Registry drivers fetch and push images. Their table of operations is not part of ABI 1.0: no
 * driver of this kind can be loaded yet.
 */
#ifndef BERTH_REGISTRY_H
#define BERTH_REGISTRY_H

#include <berth/plugin.h>

#endif
