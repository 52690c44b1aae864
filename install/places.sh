# Where an agent is kept on a host: part of script.sh and of clean.sh. $path is what the manifest
# says, or nothing.

# The places to keep it become the parameters, which may have spaces.
set --
case $path in "~"/*) path=$HOME/${path#"~"/} ;; esac
case $path in "" | /*) ;; *) path=${PWD%/}/$path ;; esac
place=$path
[ -n "$path" ] || case $NOROUTER_CACHE in /*) place=$NOROUTER_CACHE ;; esac
case $place in */) place=${place%/} ;; esac
# A volume that is for all, as many of containers are, has a folder for each user.
if [ -d "$place" ] && [ ! -L "$place" ]; then
  set -f
  if [ -O "$place" ] && closed $(LC_ALL=C ls -ldn "$place" 2>/dev/null); then :; else place=$place/norouter-$uid; fi
  set +f
fi
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
