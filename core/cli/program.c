/* SPDX-License-Identifier: Apache-2.0
 *
 * main() of the program berth; everything else is in the library, where tests reach it.
 */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return berth_cli_main(argc, argv);
}
