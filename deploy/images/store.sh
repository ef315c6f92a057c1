# shellcheck shell=bash
# Where build.sh keeps images and run.sh finds them: a store of this project's own, beside whatever else the machine has.

storage="${XDG_CACHE_HOME:-$HOME/.cache}/qos/images"

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
fail() { printf '%s\nWhat to do: %s.\n' "$1" "$2" >&2; exit "${3:-1}"; }

# Sets `store`, the command that works on it. Layers are shared (overlay) where the kernel can do that, else copied (vfs).
open_store() {
  local driver
  mkdir -p "$storage"
  store=(buildah --root "$storage/store" --runroot "$storage/run" --storage-driver)
  driver=$(cat "$storage/driver" 2>/dev/null || true)
  if [ -z "$driver" ]; then
    driver=overlay
    "${store[@]}" overlay info >/dev/null 2>&1 || driver=vfs
    echo "$driver" >"$storage/driver"
  fi
  store+=("$driver")
}

require_root_and() {
  [ "$(id -u)" = 0 ] || fail 'Only root can do this without a container engine.' 'use sudo, or an engine (see --help)'
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "$program is missing." "apt-get install $program"
  done
}
