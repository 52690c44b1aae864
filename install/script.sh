# What runs on a host: see script.ts, which makes one line of it. Lines of comments are left out.
# There is no single quote and no exclamation mark, and a line ends where a command does.
x64=$1 arm64=$2 pack=$3 path=$4 always=$5 unpack=$6

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
stop() {
  trap - "$1"
  clean
  kill -s "$1" $$
  exit 1
}
trap "stop HUP" HUP
trap "stop INT" INT
trap "stop PIPE" PIPE
trap "stop TERM" TERM

system=$(uname -s 2>/dev/null) machine=$(uname -m 2>/dev/null) uid=$(id -u 2>/dev/null)
[ -n "$system" ] || { read -r system </proc/sys/kernel/ostype; } 2>/dev/null
[ -n "$machine" ] || { read -r machine </proc/sys/kernel/arch; } 2>/dev/null
case $system/$machine in
Linux/x86_64 | Linux/amd64) file=$x64 ;;
Linux/aarch64 | Linux/arm64) file=$arm64 ;;
*) file= ;;
esac

# The places to keep it become the parameters, which may have spaces.
set --
case $path in "~"/*) path=$HOME/${path#"~"/} ;; esac
place=${path%/}
[ -n "$path" ] || case $NOROUTER_CACHE in /*) place=${NOROUTER_CACHE%/} ;; esac
# Many volumes of containers belong to root and may be written by all.
if [ -d "$place" ]; then [ -O "$place" ] || place=$place/norouter-$uid; fi
[ -z "$place" ] || set -- "$place"
if [ -z "$path" ]; then
  # Under sudo it may be of somebody else, where root should leave nothing.
  home=
  case $uid/$HOME in
  0//* | //*) [ -O "$HOME" ] && home=$HOME ;;
  *//*) home=$HOME ;;
  esac
  if [ -d "$home" ]; then set -- "$@" "${home%/}/.cache/norouter"; fi
  set -- "$@" "/var/tmp/norouter-$uid" "/tmp/norouter-$uid" "/dev/shm/norouter-$uid" "${PWD%/}/.norouter"
fi

# Whether it is a folder of this user and no link, so that nobody else can exchange what is in it.
mine() {
  if [ -L "$1" ]; then return 1; fi
  [ -d "$1" ] && [ -O "$1" ]
}
# Whether it is complete, by the number at the end of its name.
whole_agent() { [ -x "$1" ] && [ -O "$1" ] && [ "$(wc -c <"$1")" -eq "${1##*-}" ]; }
whole_app() {
  mine "$1" && [ -s "$1/app/cli.js" ] || return 1
  set -- "${1##*-}" "$1"/app/*
  [ $(($# - 1)) -ge "$1" ]
}
start_agent() {
  ready "$1"
  NOROUTER_CACHE=${1%/*}
  export NOROUTER_CACHE
  exec "$1" agent --automated
}
start_app() {
  ready "$1"
  DENO_NO_UPDATE_CHECK=1
  export DENO_NO_UPDATE_CHECK
  exec deno run --quiet --allow-all --no-config --no-lock "$1/app/cli.js" agent --automated
}
ready() {
  clean
  trap - HUP INT PIPE TERM
  say start "$1"
}

if [ -z "$always" ] && [ -n "$file" ]; then
  for place in "$@"; do
    if mine "$place" && whole_agent "$place/agent-$file" 2>/dev/null; then start_agent "$place/agent-$file"; fi
  done
fi
# Shells that nobody types in often do not know of these.
PATH=$PATH:$HOME/.deno/bin:/usr/local/bin:/opt/homebrew/bin
deno=$(set -f; set -- $(deno --version 2>/dev/null </dev/null); [ "$1" = deno ] && echo "$2")
if [ -z "$always" ] && [ -n "$deno" ] && [ -n "$pack" ]; then
  for place in "$@"; do
    if mine "$place" && whole_app "$place/app-$deno-$pack"; then start_app "$place/app-$deno-$pack"; fi
  done
fi

say want "${system:-unknown}" "${machine:-unknown}" "${deno:--}"
read -r kind size sum name || exit 1

mask=$(umask)
umask 077
# Whose process this is: containers that share a folder count theirs each for itself.
spaces=$(readlink /proc/self/ns/pid 2>/dev/null)
spaces=${spaces#*:}
node=$(uname -n 2>/dev/null)-$spaces

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
# Makes a part in a place, unless it is of somebody else, full or read-only, or nothing runs from there.
prepare() {
  said=$(mkdir -p "$1" 2>&1) || return 1
  said="it is a link, or belongs to another user"
  mine "$1" || return 1
  tidy "$1"
  fits "$1" || return 1
  said=$(mkdir "$1/part-$$.$node" 2>&1) || return 1
  part=$1/part-$$.$node
  said=$({ echo "exit 0" >"$part/file"; } 2>&1) || return 1
  if [ "$kind" = app ]; then return 0; fi
  chmod 700 "$part/file"
  said=$("$part/file" 2>&1 </dev/null) && return 0
  said="programs cannot be run from there: $said"
  return 1
}
why=
for place in "$@"; do
  if prepare "$place"; then break; fi
  clean
  why="$why$place: $said; "
done
[ -n "$part" ] || fail "nowhere to put it: ${why%; }"

say send
said=$({ head -c "$size" >"$part/file"; } 2>&1) || fail "cannot write to $place: $said"
got=$(wc -c <"$part/file")
got=${got##* }
[ "$got" -eq "$size" ] || fail "only $got of $size bytes arrived"
if command -v sha256sum >/dev/null; then
  got=$(sha256sum <"$part/file")
elif command -v shasum >/dev/null; then
  got=$(shasum -a 256 <"$part/file")
elif command -v openssl >/dev/null; then
  got=$(openssl dgst -sha256 -r <"$part/file")
else
  got=$sum
fi
[ "${got%% *}" = "$sum" ] || fail "what arrived has the SHA-256 ${got%% *}, not $sum"

if [ "$kind" = app ]; then
  said=$(NO_COLOR=1 deno eval --no-config --no-lock "$unpack" "$part/file" "$part" 2>&1 </dev/null) || fail "cannot unpack it with deno: $said"
  rm -f "$part/file"
  app=$place/app-$deno-$name
  # Into one that is there go its files, each as a whole: it may just be in use.
  if [ -d "$app" ]; then
    said=$(mkdir -p "$app/app" 2>&1 && mv -f "$part/app/"* "$app/app/" 2>&1) || fail "cannot put it in place: $said"
  else
    said=$(mv "$part" "$app" 2>&1) || fail "cannot put it in place: $said"
    rm -rf "$app/${part##*/}"
  fi
  whole_app "$app" || fail "cannot put it in place: $app is not what it should be"
  umask "$mask"
  start_app "$app"
fi
said=$(chmod 700 "$part/file" 2>&1 && mv -f "$part/file" "$place/agent-$name" 2>&1) || fail "cannot put it in place: $said"
umask "$mask"
start_agent "$place/agent-$name"
