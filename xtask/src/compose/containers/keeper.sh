# Keeps a Docker daemon, with everything that it has, in the folder $1. Says `ready` or `failed`, and ends it when the
# standard input closes, however that comes about.
folder=$1
export DOCKER_HOST="unix://$folder/docker.sock"
mkdir "$folder/data" "$folder/exec"

# Without rules of a firewall: networks of containers are reached through their own bridge, ports through a proxy.
dockerd --host "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/docker.pid" \
    --storage-driver overlay2 --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --shutdown-timeout 5 < /dev/null > "$folder/daemon.log" 2>&1 &
daemon=$!

answers() {
    docker version < /dev/null > /dev/null 2>&1
}
tries=0
until answers; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ] || ! kill -0 "$daemon" 2> /dev/null; then
        break
    fi
    sleep 0.2
done
if answers; then echo ready; else echo failed; fi

cat > /dev/null

if answers; then
    containers=$(docker ps --all --quiet < /dev/null)
    [ -z "$containers" ] || docker rm --force --volumes $containers < /dev/null > /dev/null 2>&1
    # Their bridges would outlive the daemon.
    docker network prune --force < /dev/null > /dev/null 2>&1
fi
containerd=$(cat "$folder/exec/containerd/containerd.pid" 2> /dev/null)
kill "$daemon" 2> /dev/null
(
    sleep 20
    kill -KILL "$daemon" $containerd 2> /dev/null
) > /dev/null 2>&1 &
watchdog=$!
wait "$daemon" 2> /dev/null
kill "$watchdog" 2> /dev/null
while read -r _ mounted _; do
    case "$mounted" in "$folder"/*) echo "$mounted" ;; esac
done < /proc/mounts | sort -r | while read -r mounted; do
    umount "$mounted" 2> /dev/null || umount --lazy "$mounted"
done
rm -rf --one-file-system "$folder"
