# _relay.sh FOLDER: lends this shell's standard input, output and error by the door of an agent.
[ -p "$1/door" ] || exit 3
exec 3<&0 4>&1 5>&2
r=$1/r$$
mkfifo -m 600 "$r" || exit 3
exec 7<>"$r" 6<"$r"
echo "lend $$ 3 4 5" 1<>"$1/door"
read -r said <&6
exec 7>&-
rm -f "$r"
printf '%s\n\n' "$said"
[ "$said" = yes ] || exit 3
while read -r said <&6; do echo "$said" >&2; done
exit 0
