# Lends the standard input, output and error of this command to an agent that is still here, from a
# command before. Part of script.sh and clean.sh, and of release/launcher.sh and folder.sh, whose
# variables begin without an underscore.
#
# Such an agent has a folder keep-ID with "pid", which names its process, and "door", a FIFO. At
# the door this shell says who it is, and by which numbers it has the three. The agent opens them
# itself, through /proc, so that no byte goes through here, and answers by a FIFO that this shell
# has made for that. The agent keeps that open for as long as it uses the three, and this shell
# waits, for a command that ends takes them with it.

# sole FOLDER...: whether all are folders, no links, of this user, that nobody else may enter.
sole() {
  for _each in "$@"; do
    if [ -L "$_each" ]; then return 1; fi
    [ -d "$_each" ] && [ -O "$_each" ] || return 1
    case $(LC_ALL=C ls -ldn "$_each" 2>/dev/null || stat -c %A "$_each" 2>/dev/null) in
    drwx--[-S]---*) ;;
    *) return 1 ;;
    esac
  done
}

# lives FOLDER: whether the process runs that is named there. By the time at which it started (the
# 22nd word of its "stat", the 20th behind its name) it is not another one with its number.
lives() {
  _pid= _start= _stat=
  { read -r _pid _start <"$1/pid"; } 2>/dev/null
  case $_pid in '' | *[!0-9]*) return 1 ;; esac
  { read -r _stat <"/proc/$_pid/stat"; } 2>/dev/null
  set -- ${_stat##*) }
  [ -n "$_start" ] && [ "${20}" = "$_start" ]
}

# lendable FOLDER: whether the agent there could open what this shell has. What is no pipe, such as
# a socket, only another program can hand over.
lendable() {
  [ -p "$1/door" ] && [ -p "/proc/$$/fd/0" ] && [ -p "/proc/$$/fd/1" ] && [ -e "/proc/$$/fd/2" ] &&
    [ ! -S "/proc/$$/fd/2" ] && command -v mkfifo >/dev/null && command -v sleep >/dev/null
}

# expire: answers in the place of an agent that does not, after 10 s. Ends without a trace: in a
# container whose first process waits for nobody, a child that is not waited for stays for ever.
expire() {
  _before=$!
  trap '[ "$!" = "$_before" ] || { kill "$!" && wait "$!"; }; exit' TERM
  exec 3<&- 4>&- 5>&- </dev/null >/dev/null 2>&1
  sleep 10 &
  wait "$!"
  [ ! -p "$_reply" ] || echo late 1<>"$_reply"
}

# unlend SIGNAL: ends as if there were no trap, and leaves nothing.
unlend() {
  trap "" HUP INT PIPE TERM
  rm -f "$_reply"
  { kill "$_expiry" && wait "$_expiry"; } 2>/dev/null
  trap - "$1"
  kill -s "$1" $$
  exit 1
}

# lend FOLDER COMMAND...: ends this shell when the agent there has used what it was lent. Comes back
# if the agent will not have it; false if it could not be asked.
lend() {
  _door=$1/door _reply=$1/r$$ _said=
  shift
  # One is left by a shell of this number that was killed.
  mkfifo -m 600 "$_reply" 2>/dev/null || {
    rm -f "$_reply"
    mkfifo -m 600 "$_reply" 2>/dev/null
  } || return
  # Numbers of their own: a "<" takes the place of 0 while a command reads.
  exec 3<&0 4>&1 5>&2
  expire &
  _expiry=$!
  trap "unlend HUP" HUP
  trap "unlend INT" INT
  trap "unlend PIPE" PIPE
  trap "unlend TERM" TERM
  # Opened to read and write, a FIFO does not wait for somebody at its other end. That is for as
  # long as the agent is asked: its end of the FIFO is to be seen then.
  {
    exec 6<"$_reply"
    echo "lend $$ 3 4 5" 1<>"$_door"
    read -r _said <&6
  } 2>/dev/null 7<>"$_reply"
  if [ "$_said" = late ]; then
    # An agent that has just opened it says so yet; no other can.
    rm -f "$_reply"
    read -r _said <&6
  fi
  if [ "$_said" = yes ]; then "$@"; fi
  rm -f "$_reply"
  { kill "$_expiry" && wait "$_expiry"; } 2>/dev/null
  if [ "$_said" = yes ]; then
    while read -r _said <&6 || [ $? -gt 128 ]; do :; done
    exit 0
  fi
  exec 3<&- 4>&- 5>&- 6<&-
  trap - HUP INT PIPE TERM
}

# attach ID COMMAND...: lends to the agent of that name and runs the command once the agent has
# taken it; ends this shell after that. Otherwise comes back, with nothing in $attach or, where a
# program could do what this shell cannot, with the ID.
attach() {
  attach=$1
  shift
  case $attach in *[!0-9a-f]*) return ;; esac
  [ ${#attach} -eq 16 ] || return
  for _base in /tmp /var/tmp /dev/shm; do
    for _keep in "$_base"/norouter-*/keep-"$attach"; do
      sole "${_keep%/*}" "$_keep" || continue
      if lives "$_keep"; then
        lendable "$_keep" || return
        lend "$_keep" "$@" || return
        attach=
        return
      fi
      # Only if it is known whose it was.
      [ -z "$_start" ] || [ ! -e "/proc/$$" ] || rm -rf "$_keep"
    done
  done
  attach=
}
