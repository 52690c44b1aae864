#!/bin/sh
# Installs norouter @VERSION@: downloads the executable for this machine, compares its sum with
# SHA256SUMS, and puts it in place. An older one is replaced in one step.
#
#   norouter show-installer | sh
#   norouter show-installer | ssh HOST sh
#   norouter show-installer | docker exec -i -e NOROUTER_INSTALL_DIR=/usr/local/bin NAME sh
#
# It needs curl or wget; sha256sum, shasum or openssl; and what every system has. From the
# environment it takes:
#
#   NOROUTER_INSTALL_DIR   the folder to install into; ~/.local/bin if it is not set, for a
#                          root without HOME /usr/local/bin
#   NOROUTER_VERSION       the version; @VERSION@
#   NOROUTER_BASE_URL      the folder with the executables and SHA256SUMS;
#                          @RELEASES@/vVERSION
#   NOROUTER_TIMEOUT       seconds that a download may take, 600; it is ended before if nothing
#                          comes for 30
#
# The braces have a shell read all of this before it runs any: what was cut on its way does
# nothing. Piped into sh, standard input is the script, so nothing here may read it.
{
set -fu

say() { printf '%s\n' "$*"; }
warn() { printf 'norouter-install: %s\n' "$*" >&2; }
fail() {
  warn "$*"
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

work= child=
clean_up() {
  trap - EXIT
  trap '' HUP INT PIPE TERM # what is begun is tidied to its end
  if [ -n "$child" ]; then
    kill "$child"
    wait "$child" # so that it makes no file any more
  fi
  if [ -n "$work" ]; then rm -rf "$work"; fi
} 2>/dev/null
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# Runs a command that may take $1 seconds, and $2 while the file $3 does not grow. Leaves its
# $status, 124 if its time was up, and then in $late what was too long. It runs in the
# background, because a shell heeds a signal in "wait" but not before a command in the
# foreground has ended.
runs=0
limited() {
  limit=$1 patience=$2 growing=$3
  shift 3
  runs=$((runs + 1))
  mark=$work/run-$runs
  mkdir "$mark" || fail "Cannot write into the folder \"$folder\""
  "$@" >"$work/stdout" 2>"$work/stderr" &
  child=$!
  # The guard ends by itself, within a second: a signal to a shell that was just forked may
  # run the traps of its parent. It holds none of our streams, for which ssh would wait.
  (
    left=$limit size= idle=0
    while [ "$left" -gt 0 ] && [ "$idle" -lt "$patience" ]; do
      sleep 1
      [ -d "$mark" ] || exit
      left=$((left - 1))
      idle=$((idle + 1))
      last=$size
      size=$(wc -c <"$growing")
      if [ "$size" != "$last" ]; then idle=0; fi
    done
    verdict=long
    if [ "$idle" -ge "$patience" ]; then verdict=idle; fi
    mv "$mark" "$mark-$verdict" && kill "$child" # no new file: the disk may be full
    sleep 2
    if [ -d "$mark-$verdict" ]; then kill -s KILL "$child"; fi
  ) >/dev/null 2>&1 &
  { wait "$child"; } 2>/dev/null # where some shells tell that it was killed
  status=$?
  child=
  late=
  if [ -d "$mark-long" ]; then late="it took more than $limit s"; fi
  if [ -d "$mark-idle" ]; then late="nothing came for $patience s"; fi
  if [ -n "$late" ]; then status=124; fi
  rmdir "$mark" "$mark-long" "$mark-idle" 2>/dev/null
}

# What the command of "limited" complained of, on one line.
complaint() {
  set -- $(head -n 3 "$work/stderr")
  printf '%s' "$*"
}

# The last part of a message such as "mkdir: /x: Permission denied", of its first line.
cause() {
  first=${1%%"
"*}
  printf '%s' "${first##*: }"
}

# Downloads $1 into the file $2.
unverified=
fetch() {
  case $client in
  curl) limited "$timeout" "$stall" "$2" curl -fsSL $https_only -o "$2" "$1" ;;
  wget-gnu) limited "$timeout" "$stall" "$2" wget -nv -t 1 -O "$2" "$1" ;;
  wget) limited "$timeout" "$stall" "$2" wget -q -O "$2" "$1" ;;
  esac
  why=$(complaint)
  if [ "$status" -eq 0 ]; then
    case $why in
    *"certificate validation not implemented"*) unverified=yes ;; # busybox's wget
    esac
    return
  fi
  [ -z "$late" ] || fail "Cannot download $1: $late"
  # Not every client says what is wrong with a file that it cannot write.
  probe=$(dd if=/dev/zero of="$work/probe" bs=1048576 count=1 2>&1) ||
    fail "Cannot write the download of $1 into \"$folder\": $(cause "$probe")"
  fail "Cannot download $1: ${why:-${client%%-*} ended with status $status}"
}

# Sets $sum to the SHA-256 of the file $1.
hash() {
  case $hasher in
  sha256sum) set -- $(sha256sum <"$1") ;;
  shasum) set -- $(shasum -a 256 <"$1") ;;
  openssl) set -- $(openssl dgst -sha256 -r <"$1") ;;
  esac
  sum=${1:-}
  [ -n "$sum" ] || fail "Cannot verify $asset: $hasher failed"
}

# Which executable.
system=$(uname -s) machine=$(uname -m)
case $system in
Linux) os=linux ;;
Darwin) os=macos ;;
MINGW* | MSYS* | CYGWIN*) os=windows ;;
*) os= ;;
esac
case $machine in
x86_64 | amd64) cpu=x64 ;;
aarch64 | arm64) cpu=arm64 ;;
*) cpu= ;;
esac
case $os-$cpu in
linux-x64 | linux-arm64 | macos-x64 | macos-arm64) asset=norouter-$os-$cpu name=norouter ;;
windows-x64) asset=norouter-windows-x64.exe name=norouter.exe ;;
*) fail "There is no norouter for $system on $machine, only for Linux and macOS on x86_64" \
  "and arm64 and for Windows on x86_64" ;;
esac

# With what.
if has curl; then
  client=curl
elif has wget; then
  case $(wget --version 2>&1) in
  *"GNU Wget"*) client=wget-gnu ;;
  *) client=wget ;;
  esac
else
  fail "Cannot download $asset: there is neither curl nor wget"
fi
if has sha256sum; then
  hasher=sha256sum
elif has shasum; then
  hasher=shasum
elif has openssl; then
  hasher=openssl
else
  fail "Cannot verify $asset: there is neither sha256sum nor shasum nor openssl"
fi

# From where.
version=${NOROUTER_VERSION:-@VERSION@}
base=${NOROUTER_BASE_URL:-@RELEASES@/v${version#v}}
base=${base%/}
case $base in
https:*) https_only='--proto =https' ;; # through redirects too
*) https_only= ;;
esac
timeout=${NOROUTER_TIMEOUT:-600}
case $timeout in
*[!0-9]* | 0* | ???????*) fail "NOROUTER_TIMEOUT is \"$timeout\"; wanted seconds, like 600" ;;
esac
stall=30
[ "$timeout" -ge 60 ] || stall=$(((timeout + 1) / 2))

# To where.
folder=${NOROUTER_INSTALL_DIR:-}
if [ -z "$folder" ]; then
  if [ -n "${HOME:-}" ]; then
    folder=$HOME/.local/bin
  elif [ "$(id -u)" = 0 ]; then
    folder=/usr/local/bin
  else
    fail "Neither NOROUTER_INSTALL_DIR nor HOME says where to install norouter"
  fi
fi
case $folder in
"~/"*) folder=${HOME:?}/${folder#"~/"} ;; # no shell has seen a variable of docker exec -e
/*) ;;
*) folder=$PWD/$folder ;;
esac
while [ "$folder" != "${folder%/}" ]; do folder=${folder%/}; done
target=$folder/$name
[ ! -d "$target" ] || fail "Cannot install \"$target\": it is a folder"
error=$(mkdir -p "$folder/" 2>&1) ||
  fail "Cannot make the folder \"$folder\": $(cause "$error")"
# In the same folder, since only within a file system a file is replaced in one step.
for n in 1 2 3 4 5 6 7 8 9; do
  work=$folder/.norouter-install.$$.$n
  error=$(mkdir -m 700 "$work" 2>&1) && break
  [ -e "$work" ] || n=9 # else of one that was killed, or in another container
  work=
  [ "$n" -ne 9 ] || fail "Cannot write into the folder \"$folder\": $(cause "$error")"
done

# Is it there already? The sum tells better than what an executable says of itself.
fetch "$base/SHA256SUMS" "$work/SHA256SUMS"
[ -z "$unverified" ] ||
  warn "This wget does not check certificates: nothing vouches for ${base#https://}"
wanted=
while read -r sum file || [ -n "$sum" ]; do
  if [ "${file#\*}" = "$asset" ]; then
    wanted=$sum
    break
  fi
done <"$work/SHA256SUMS"
[ -n "$wanted" ] || fail "Cannot verify $asset: $base/SHA256SUMS has no sum of it"
sum=
if [ -f "$target" ] && [ -x "$target" ] && [ -r "$target" ]; then hash "$target"; fi
if [ "$sum" = "$wanted" ]; then
  outcome="is already there"
else
  say "Downloading $base/$asset"
  fetch "$base/$asset" "$work/$name"
  hash "$work/$name"
  [ "$sum" = "$wanted" ] ||
    fail "$base/$asset is not what SHA256SUMS says: its sum is $sum, wanted $wanted"
  error=$(chmod 755 "$work/$name" 2>&1 && mv -f "$work/$name" "$target" 2>&1) ||
    fail "Cannot put \"$target\" in place: $(cause "$error")"
  outcome="is installed"
fi

# Does it run? It may unpack itself at its first start.
limited 120 120 "$work/stdout" "$target" --version
if [ "$status" -ne 0 ]; then
  why=$(complaint)
  [ -z "$late" ] || why="$late${why:+: $why}"
  fail "\"$target\" $outcome but does not run: ${why:-it ended with status $status}"
fi
read -r about <"$work/stdout"
say "${about:-norouter} $outcome: $target"

# Is it found?
case :$PATH: in
*:"$folder":*)
  found=$(command -v norouter)
  if [ "$found" != "$target" ] && [ "$found" != "${target%.exe}" ]; then
    say "But \"norouter\" is another one, which comes first on PATH: $found"
  fi
  ;;
*)
  quoted=\"$(printf '%s' "$folder" | sed 's/[\\"$`]/\\&/g')
  rc= line="export PATH=$quoted:\$PATH\""
  case ${SHELL:-} in
  */fish) say "It is not on PATH. Run this once:" && line="fish_add_path $quoted\"" ;;
  */zsh) rc='~/.zshrc' ;;
  */bash) if [ "$os" = macos ]; then rc='~/.bash_profile'; else rc='~/.bashrc'; fi ;;
  */csh | */tcsh) rc='~/.cshrc' line="setenv PATH $quoted:\$PATH\"" ;;
  *) rc='~/.profile' ;;
  esac
  [ -z "$rc" ] || say "It is not on PATH. Add this line to $rc and log in again:"
  say "  $line"
  say "Or name it by its whole path, also in a manifest's cmd: $target"
  ;;
esac
} </dev/null
