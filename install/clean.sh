# Tells what agents have left on a host and, unless $list says so, removes what no process uses:
# see clean.ts, which sends it with guard.sh, places.sh and its parameters in front. $state is
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
case $state in "~"/*) state=$HOME/${state#"~"/} ;; esac
if [ -n "$state" ] && [ -f "$state/hostaliases" ] && [ -O "$state" ] && [ ! -L "$state" ]; then
  if [ -n "$list" ]; then
    tell left "$(size "$state")" "$state"
  elif [ -z "$kept" ]; then
    kilobytes=$(size "$state")
    rm -f "$state/hosts" "$state/hostaliases" "$state/README.md" && tell gone "$kilobytes" "$state"
    rmdir "$state" 2>/dev/null && rmdir "${state%/*}" 2>/dev/null
  else
    tell used "$(size "$state")" "$state"
  fi
fi
say done
exit 0
