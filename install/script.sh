# What runs on a host: see script.ts, which sends it with guard.sh, places.sh and its parameters in front:
# x64, x64_start and the same of arm64, pack, pack_sum, path, always, unpack, attach, detached.
# Lines of comments are left out.

# A login may have left its line without an end.
say() { printf "\n%s\n" "@MARK@ $*"; }
part=
clean() {
  [ -z "$part" ] || rm -rf "$part"
  part=
}
# Reasons of other programs may have several lines.
fail() {
  clean
  set -f
  say fail $*
  exit 1
}
# Whoever ends a command may say so more than once; rm inherits that it is not to be heard.
stop() {
  trap "" HUP INT PIPE TERM
  clean
  trap - "$1"
  kill -s "$1" $$
  exit 1
}
trap "stop HUP" HUP
trap "stop INT" INT
trap "stop PIPE" PIPE
trap "stop TERM" TERM

system=$(uname -s 2>/dev/null) machine=$(uname -m 2>/dev/null)
[ -n "$system" ] || { read -r system </proc/sys/kernel/ostype; } 2>/dev/null
[ -n "$machine" ] || { read -r machine </proc/sys/kernel/arch; } 2>/dev/null
case $system/$machine in
Linux/x86_64 | Linux/amd64) file=$x64 begins=$x64_start ;;
Linux/aarch64 | Linux/arm64) file=$arm64 begins=$arm64_start ;;
*) file= begins= ;;
esac

# begins_with FILE BYTES SUM: whether it does, as far as a host without a program for it can tell.
begins_with() {
  got=$(head -c "$2" "$1" | digest) || return 0
  [ "$got" = "$3" ]
}
# A file of this user that nobody else may write.
private() {
  if [ -L "$1" ]; then return 1; fi
  [ -f "$1" ] && [ -O "$1" ] || return 1
  case $(LC_ALL=C ls -ldn "$1" 2>/dev/null || stat -c %A "$1" 2>/dev/null) in
  -???????w* | -????w*) return 1 ;;
  -*) ;;
  *) return 1 ;;
  esac
}
# As long as the number at the end of its name says.
whole_agent() { private "$1" && [ -x "$1" ] && [ "$(wc -c <"$1")" -eq "${1##*-}" ]; }
# What runs of the agent in a place as it lies is looked at here: all of it, or its beginning,
# which looks at the folder that it unpacked into. Without that folder all of it is run.
ready_agent() {
  set -f
  set -- "$1" $begins
  set +f
  if [ -n "$4" ] && [ ! -f "$1/$4/ok" ]; then return 1; fi
  whole_agent "$1/agent-$file" && begins_with "$1/agent-$file" "$2" "$3"
}
# One with all its files, of this user, and with this sum.
ready_app() {
  if [ -L "$1" ] || [ -L "$1/app" ]; then return 1; fi
  [ -O "$1" ] && [ -O "$1/app" ] && [ -s "$1/app/cli.js" ] || return 1
  set -- "$1" "${1##*-}" "$1"/app/*
  [ $(($# - 2)) -eq "$2" ] || return 1
  got=$(LC_ALL=C; export LC_ALL; cat "$1"/app/* | digest) || return 0
  [ "$got" = "$pack_sum" ]
}
# become COMMAND...: goes on as the agent. Where all that a link has started is killed with the
# link, the agent gets a session of its own, and this shell waits for it.
become() {
  set -- "$@" agent --automated
  [ -z "$attach" ] || set -- "$@" --attach "$attach"
  [ -n "$detached" ] && command -v setsid >/dev/null || exec "$@"
  # What runs in the background has no input but one that is named.
  exec 3<&0
  setsid sh -c "$move_mark" "$node" "$@" <&3 3<&- &
  wait "$!"
  exit
}
# A mark has the number of the process that it is of.
move_mark='
if [ -n "$NOROUTER_MARK" ]; then
  moved=${NOROUTER_MARK%/*}/$$.$0
  mv -f "$NOROUTER_MARK" "$moved" && NOROUTER_MARK=$moved
fi
exec "$@"'
start_agent() {
  retire "${1%/*}" "${1##*/}" "${begins##* }" "app-$deno-$pack"
  ready "$1"
  NOROUTER_CACHE=${1%/*}
  export NOROUTER_CACHE
  become "$1"
}
start_app() {
  mark "$1"
  retire "${1%/*}" "${1##*/}" "agent-$file" "${begins##* }"
  ready "$1"
  # Its caches go where it goes.
  DENO_NO_UPDATE_CHECK=1 DENO_DIR=$1/deno-dir
  export DENO_NO_UPDATE_CHECK DENO_DIR
  become deno run --quiet --allow-all --no-config --no-lock "$1/app/cli.js"
}
ready() {
  clean
  trap - HUP INT PIPE TERM
  say start "$1"
}

if [ -z "$always" ] && [ -n "$file" ]; then
  for place in "$@"; do
    if [ -d "$place" ] && owned "$place" && ready_agent "$real" 2>/dev/null; then start_agent "$real/agent-$file"; fi
  done
fi
# Shells that nobody types in often do not know of these.
PATH=$PATH:$HOME/.deno/bin:/usr/local/bin:/opt/homebrew/bin
deno=$(set -f; set -- $(deno --version 2>/dev/null </dev/null); [ "$1" = deno ] && echo "$2")
if [ -z "$always" ] && [ -n "$deno" ] && [ -n "$pack" ]; then
  for place in "$@"; do
    if [ -d "$place" ] && owned "$place" && ready_app "$real/app-$deno-$pack"; then start_app "$real/app-$deno-$pack"; fi
  done
fi

say want "${system:-unknown}" "${machine:-unknown}" "${deno:--}"
read -r kind size sum name || exit 1

# The file may be right, though the folder that it unpacked into is not.
if [ -z "$always" ] && [ "$kind" = agent ]; then
  for place in "$@"; do
    if [ -d "$place" ] && owned "$place" && whole_agent "$real/agent-$name" 2>/dev/null; then
      got=$(digest <"$real/agent-$name")
      if [ "$got" = "$sum" ]; then start_agent "$real/agent-$name"; fi
    fi
  done
fi

mask=$(umask)
umask 077

# Removes what those have left that were killed: known to be gone, or begun a day ago.
tidy() {
  for old in "$1"/part-*; do
    [ -d "$old" ] || continue
    owner=${old##*/part-}
    pid=${owner%%.*}
    if [ "$owner" = "$pid.$node" ] && [ -n "$spaces" ]; then
      if kill -0 "$pid" 2>/dev/null && [ "$pid" -ne $$ ]; then continue; fi
      rm -rf "$old"
    elif [ -n "$(find "$old" -prune -mtime +0 2>/dev/null)" ]; then
      rm -rf "$old"
    fi
  done
}
# Whether it fits, as far as df knows: its fourth word, before the one with a percent sign.
fits() {
  free=
  for word in $(df -Pk "$1" 2>/dev/null); do
    case $word in [0-9]*%) break ;; esac
    free=$word
  done
  [ "$free" -ge 0 ] 2>/dev/null || return 0
  said="it needs $((size / 1024)) KB, and $free are free"
  [ "$free" -gt $((size / 1024)) ]
}
# Makes a part in a place, unless somebody else could exchange it, it is full or read-only, or
# nothing runs from there.
prepare() {
  claim "$1" || {
    said=$why
    return 1
  }
  tidy "$real"
  fits "$real" || return 1
  said=$(mkdir "$real/part-$$.$node" 2>&1) || return 1
  part=$real/part-$$.$node
  said=$({ echo "exit 0" >"$part/file"; } 2>&1) || return 1
  if [ "$kind" = app ]; then return 0; fi
  chmod 700 "$part/file"
  said=$("$part/file" 2>&1 </dev/null) && return 0
  case $said in *"annot fork"* | *"can't fork"* | *"temporarily unavailable"*)
    fail "no further process can be started there: is their number limited? $said" ;;
  esac
  said="programs cannot be run from there: $said"
  return 1
}
reasons=
for place in "$@"; do
  if prepare "$place"; then break; fi
  clean
  reasons="$reasons$place: $said; "
done
[ -n "$part" ] || fail "nowhere to put it: ${reasons%; }"
place=$real

say send
said=$({ head -c "$size" >"$part/file"; } 2>&1) || fail "cannot write to $place: $said"
got=$(wc -c <"$part/file")
got=${got##* }
[ "$got" -eq "$size" ] || fail "only $got of $size bytes arrived"
got=$(digest <"$part/file") || got=$sum
[ "$got" = "$sum" ] || fail "what arrived has the SHA-256 $got, not $sum"

if [ "$kind" = app ]; then
  said=$(NO_COLOR=1 DENO_DIR=$part/deno-dir deno eval --no-config --no-lock "$unpack" "$part/file" "$part" 2>&1 </dev/null) || fail "cannot unpack it with deno: $said"
  rm -f "$part/file"
  app=$place/app-$deno-$name
  # Into one that is there go its files, each as a whole: it may just be in use.
  if [ -d "$app" ] && [ -O "$app" ]; then
    for old in "$app/app/"*; do [ -e "$part/app/${old##*/}" ] || rm -rf "$old"; done
    said=$(mkdir -p "$app/app" 2>&1 && mv -f "$part/app/"* "$app/app/" 2>&1) || fail "cannot put it in place: $said"
  else
    rm -rf "$app"
    said=$(mv "$part" "$app" 2>&1) || fail "cannot put it in place: $said"
    rm -rf "$app/${part##*/}"
  fi
  ready_app "$app" || fail "cannot put it in place: $app is not what it should be"
  umask "$mask"
  start_app "$app"
fi
said=$(chmod 700 "$part/file" 2>&1 && mv -f "$part/file" "$place/agent-$name" 2>&1) || fail "cannot put it in place: $said"
umask "$mask"
start_agent "$place/agent-$name"
