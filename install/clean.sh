# Tells what agents have left on a host and, unless $list says so, removes what no process uses:
# see clean.ts, which sends it with attach.sh, guard.sh, places.sh and its parameters in front. $state is
# the folder of names, or nothing.
tell() {
  set -f
  case $1 in gone) ;; *) kept=yes ;; esac
  say item "$1" "$2" "$3"
  set +f
}
say() { printf "\n%s\n" "@MARK@ $*"; }
size() {
  set -f
  set -- $(du -sk "$1" 2>/dev/null)
  set +f
  printf %s "${1:--}"
}
# settle PATH IN_USE: tells of it, and removes it if that is wanted.
settle() {
  kilobytes=$(size "$1")
  if [ "$2" = yes ]; then
    tell used "$kilobytes" "$1"
  elif [ -n "$list" ]; then
    tell left "$kilobytes" "$1"
  elif why=$(rm -rf "$1" 2>&1); then
    tell gone "$kilobytes" "$1"
  else
    tell failed "$kilobytes" "$1"
  fi
}
kept=
# Where agents are met that have outlived their links.
for base in /tmp /var/tmp /dev/shm; do
  for old in "$base/norouter-$uid"/keep-*; do
    case ${old##*/keep-} in *[!0-9a-f]*) continue ;; esac
    sole "${old%/*}" "$old" || continue
    if lives "$old"; then settle "$old" yes; else settle "$old" no; fi
    [ -n "$list" ] || rmdir "${old%/*}" 2>/dev/null
  done
done
# Where the portable executable may have unpacked itself besides.
if [ -z "$path" ]; then
  for base in "$XDG_CACHE_HOME" "$XDG_RUNTIME_DIR"; do
    case ${base%/} in "${HOME%/}/.cache") ;; /*) set -- "$@" "${base%/}/norouter" ;; esac
  done
fi
for place in "$@"; do
  [ -d "$place" ] || continue
  owned "$place" || {
    say skip "$place: $why"
    continue
  }
  place=$real
  for old in "$place"/agent-* "$place"/app-* "$place"/$_hash "$place"/part-*; do
    [ -e "$old" ] || continue
    case ${old##*/} in
    part-*)
      pid=${old##*/part-}
      if kill -0 "${pid%%.*}" 2>/dev/null; then settle "$old" yes; else settle "$old" no; fi
      ;;
    *)
      ours "$old" || continue
      if busy "$tree"; then settle "$old" yes; else settle "$old" no; fi
      ;;
    esac
  done
  case ${place##*/} in *norouter*) [ -n "$list" ] || rmdir "$place" 2>/dev/null ;; esac
done
# served FILE: whether an agent runs whose names are in it, by the lines that shares.ts writes.
served() {
  while read -r _ _ _what _agent _ _ _pid _ _machine _; do
    case "$_what $_agent" in "the agent") ;; *) continue ;; esac
    if [ "$_machine" = "$node" ] && kill -0 "$_pid" 2>/dev/null; then return 0; fi
  done <"$1"
  return 1
} 2>/dev/null
case $state in "~"/*) state=$HOME/${state#"~"/} ;; esac
if [ -n "$state" ] && [ -f "$state/hostaliases" ] && [ -O "$state" ] && [ ! -L "$state" ]; then
  if [ -n "$list" ]; then
    if served "$state/hosts"; then now=used; else now=left; fi
    tell $now "$(size "$state")" "$state"
  elif [ -z "$kept" ] && ! served "$state/hosts"; then
    kilobytes=$(size "$state")
    rm -f "$state/hosts" "$state/hostaliases" "$state/README.md" && tell gone "$kilobytes" "$state"
    rmdir "$state" 2>/dev/null && rmdir "${state%/*}" 2>/dev/null
  else
    tell used "$(size "$state")" "$state"
  fi
fi
# The hosts file as it was before the first agent changed it; of use as long as names are in it.
backup=/etc/hosts.bak.norouter
if [ -f "$backup" ] && [ ! -O "$backup" ]; then
  say skip "$backup: it belongs to another user"
elif [ -f "$backup" ]; then
  named=no
  while read -r line; do
    case $line in "#"*"<Added-by-NoRouter>") named=yes ;; esac
  done </etc/hosts
  settle "$backup" "$named"
fi 2>/dev/null
say done
exit 0
