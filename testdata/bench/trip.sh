#!/usr/bin/env bash
# How much of what plain TCP gets through a long line one peer gets: the same file, first by p2p, then by a program that
# does nothing but receive, hash and write (p2p bench part), in turn. Needs root and iproute2; all of it lies in two network namespaces and a
# folder of its own, which are removed at the end.
#
#   testdata/bench/trip.sh                       # 100 ms there and back, no loss, 512 MB, three times
#   LOSS=0.1 RTT=100 SIZE=100 REPS=5 P2P=./p2p testdata/bench/trip.sh
#
# RTT is in ms, LOSS in percent each way, SIZE in MB. Delay and loss are netem's. Where the kernel has none, WAN names a program
# that joins namespaces wan1 and wan2 with them, says "ready" and ends with its stdin:
# WAN -hosts 2 -rtt 100ms -loss 0.001.
set -euo pipefail
p2p=$(realpath "${P2P:-$(command -v p2p)}") rtt=${RTT:-100} loss=${LOSS:-0} size=${SIZE:-512} reps=${REPS:-3}
dir=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)") pids=()

clean() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  exec 8>&- 9>&-
  wait
  [ -n "${WAN:-}" ] || for i in 1 2; do ip netns del "$net$i" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT TERM

if [ -n "${WAN:-}" ]; then
  net=wan at=10.88.0.1
  mkfifo "$dir/wan"
  "$WAN" -hosts 2 -rtt "${rtt}ms" -loss "$(awk -v l="$loss" 'BEGIN { print l / 100 }')" <"$dir/wan" >"$dir/wan.out" 2>"$dir/wan.err" &
  exec 9>"$dir/wan"
  for _ in $(seq 100); do
    grep -q ready "$dir/wan.out" && break
    sleep 0.1
  done
else
  net=p2ptrip$$- at=10.77.0.1
  for i in 1 2; do ip netns add "$net$i"; done
  ip link add eth0 netns "${net}1" type veth peer name eth0 netns "${net}2"
  for i in 1 2; do
    ip -n "$net$i" link set lo up
    ip -n "$net$i" link set eth0 up
    ip -n "$net$i" addr add "10.77.0.$i/24" dev eth0
    ip netns exec "$net$i" tc qdisc add dev eth0 root netem delay "$((rtt / 2))ms" loss "$loss%" limit 100000
  done
fi

cd "$dir"
mkdir s
head -c "${size}000000" /dev/urandom >s/data
"$p2p" create s/data -o x.torrent --piece-length 1M -q
XDG_STATE_HOME=$dir/state1 ip netns exec "${net}1" "$p2p" seed x.torrent -o s --listen "$at:6881" -q 2>seed.err &
pids+=($!)
mkfifo stay
ip netns exec "${net}1" "$p2p" bench part send "$at:6882" s/data 1048576 <stay >/dev/null 2>&1 &
pids+=($!)
exec 8>stay # the part ends with its stdin
sleep $((2 + size / 300))

seconds() {
  local begin
  begin=$(date +%s%N)
  ip netns exec "${net}2" "$@" >/dev/null
  echo $(($(date +%s%N) - begin))
}
for rep in $(seq "$reps"); do
  rm -rf l state2
  a=$(XDG_STATE_HOME=$dir/state2 seconds "$p2p" get x.torrent -o l --listen 0.0.0.0:0 --peer "$at:6881" -q)
  cmp s/data l/data
  rm -rf l
  b=$(seconds "$p2p" bench part receive "$at:6882" plain "${size}000000" 1048576 <stay)
  cmp s/data plain
  rm plain
  awk -v a="$a" -v b="$b" 'BEGIN { print b / a }' >>ratios
  awk -v n="$rep" -v a="$a" -v b="$b" -v size="$size" \
    'BEGIN { printf "%d  p2p %.1f MB/s  plain TCP %.1f MB/s  %.2f x\n", n, size / a * 1e9, size / b * 1e9, b / a }'
done
sort -n ratios | awk -v rtt="$rtt" -v loss="$loss" \
  '{ x[NR] = $1 } END { printf "%d ms, %s %% lost: p2p is %.2f x plain TCP (median of %d)\n", rtt, loss, (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2, NR }'
