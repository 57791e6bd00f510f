# SPDX-License-Identifier: Apache-2.0
# fish completion of berth: the program itself knows its commands, flags and objects.
function __berth_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] __complete $words[2..-1] "$current" 2>/dev/null
end
complete -c berth -f -a '(__berth_complete)'
complete -c berth -n 'string match -qr "^[./~]" -- (commandline -ct)' -F
