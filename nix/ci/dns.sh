#!/bin/sh
# Takes the runner's own DNS back and makes the cache's name known.
# On macOS the Tailscale action hands the whole runner to MagicDNS, whatever --accept-dns says
# (tailscale/github-action#315): public look-ups then fail now and then, and GitHub cancels the job after minutes.
set -eu
server=${NIX_CACHE_SERVER:?}

if command -v networksetup >/dev/null; then
    sudo networksetup -setdnsservers Ethernet Empty
    sudo networksetup -setsearchdomains Ethernet Empty
    sudo dscacheutil -flushcache
fi

# An address needs no look-up.
case $server in
*:*) exit 0 ;;
*[!0-9.]*) ;;
*) exit 0 ;;
esac

# A new node learns its peers within seconds, at times half a minute.
attempt=1
until address=$(tailscale ip -4 "$server" 2>/dev/null); do
    if [ "$attempt" -ge 20 ]; then
        echo "::notice::$server is no machine that this runner sees on the tailnet; DNS has to resolve it"
        exit 0
    fi
    attempt=$((attempt + 1))
    sleep 2
done
printf '%s %s\n' "$address" "$server" | sudo tee -a /etc/hosts >/dev/null
echo "$server is $address"
