#!/usr/bin/env bash
# How much of a line a download from eight peers fills. Needs root and iproute2; all of it lies in network namespaces and a
# folder of its own, which are removed at the end. A kernel without netem has no delay, only the rate.
#
#   testdata/bench/line.sh                       # 100 Mbit/s, 20 ms, 1000 MB, with the congestion control that is set
#   CC=cubic RATE=100 RTT=20 SIZE=200 P2P=./p2p testdata/bench/line.sh
#
# RATE is in Mbit/s, RTT in ms, SIZE in MB. CC is set for as long as it runs, for the whole machine: a namespace may not choose
# every one, but begins with that of the machine. IP packets of 1500 bytes count with their headers,
# so 96.5 % is what TCP leaves for payload.
set -euo pipefail
p2p=$(realpath "${P2P:-$(command -v p2p)}") rate=${RATE:-100} rtt=${RTT:-20} size=${SIZE:-1000} seeds=8
frames=$((rate * 1000000 * 1514 / 1500)) # the kernel counts the header of Ethernet too
was=$(sysctl -n net.ipv4.tcp_congestion_control)
dir=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)") net=p2pline$$ pids=()

clean() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  for i in $(seq 0 $seeds); do ip netns del "$net-$i" 2>/dev/null || true; done
  ip netns del "$net" 2>/dev/null || true
  [ -z "${CC:-}" ] || sysctl -qw net.ipv4.tcp_congestion_control="$was"
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT TERM

[ -z "${CC:-}" ] || sysctl -qw net.ipv4.tcp_congestion_control="$CC"
ip netns add "$net"
ip -n "$net" link add bridge type bridge
ip -n "$net" link set bridge up
for i in $(seq 0 $seeds); do # host 0 downloads
  ip netns add "$net-$i"
  ip link add eth0 netns "$net-$i" type veth peer name "port$i" netns "$net"
  ip -n "$net-$i" link set lo up
  ip -n "$net-$i" link set eth0 gso_max_segs 1 up # packets as they are on a line
  ip -n "$net-$i" addr add "10.77.0.$((i + 1))/24" dev eth0
  ip -n "$net" link set "port$i" master bridge up
  line="limit 100000"
  [ "$i" -gt 0 ] || line="rate ${frames}bit limit 4096"
  if ! ip netns exec "$net" tc qdisc add dev "port$i" root netem delay "$((rtt / 2))ms" $line 2>"$dir/tc.err"; then
    [ "$i" -gt 0 ] || rtt=0 # it has none
    [ "$i" -gt 0 ] || ip netns exec "$net" tc qdisc add dev port0 root tbf rate "${frames}bit" burst 32kb limit $((4096 * 1514))
  fi
done

mkdir "$dir/s" "$dir/l"
head -c "${size}000000" /dev/urandom >"$dir/s/data"
cd "$dir"
"$p2p" create s/data -o x.torrent -q
args=()
for i in $(seq 1 $seeds); do
  XDG_STATE_HOME=$dir/state$i ip netns exec "$net-$i" "$p2p" seed x.torrent -o s --listen "10.77.0.$((i + 1)):6881" -q 2>"seed$i.err" &
  pids+=($!)
  args+=(--peer "10.77.0.$((i + 1)):6881")
done
sleep $((3 + size / 300))
received() { ip netns exec "$net-0" awk '/eth0:/ { sub(".*:", ""); print $1 - 14 * $2 }' /proc/net/dev; }
before=$(received) begin=$(date +%s%N)
XDG_STATE_HOME=$dir/state0 ip netns exec "$net-0" "$p2p" get x.torrent -o l --listen 10.77.0.1:6881 "${args[@]}" -q &
get=$!
pids+=($get)
from=0 to=0
while kill -0 $get 2>/dev/null; do
  now=$(received) at=$(date +%s%N)
  done=$(((now - before) / (size * 10000)))
  if [ $done -ge 20 ] && [ $from -eq 0 ]; then from=$at; base=$now; fi
  if [ $done -le 90 ]; then to=$at; top=$now; fi
  sleep 0.2
done
wait $get
end=$(date +%s%N)
awk -v size="$size" -v rate="$rate" -v took=$((end - begin)) -v bytes=$((top - base)) -v span=$((to - from)) -v all=$(($(received) - before)) \
  -v rtt="$rtt" -v cc="${CC:-$was}" 'BEGIN {
    line = rate / 8 * 1e6
    printf "%s, a line of %g MB/s and %d ms: %.1f %% of it is payload, from start to end of the process (%.2f s)\n", cc, rate / 8, rtt, size * 1e6 / (took / 1e9) / line * 100, took / 1e9
    printf "in the middle the line is full to %.1f %%, and %.1f %% of what comes is payload\n", bytes / (span / 1e9) / line * 100, size * 1e6 / all * 100
  }'
