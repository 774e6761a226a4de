#!/bin/sh
# Deploys a NixOS configuration to this server, proves that the cache works, and puts the previous generation back if
# it does not. Runs on the server, read from standard input, under systemd-run: losing the ssh connection does not stop
# it, also when the switch restarts the network. Prints one line of JSON; everything else goes to the log.
# usage: deploy.sh FLAKE NAME OUT_PATH URL TIMEOUT_SECONDS PUBLIC_KEY...
set -eu

state=/var/lib/nix-binary-cache/deploy
profile=/nix/var/nix/profiles/system

# Everything is in functions and main is the last line, so that the shell has read the whole program before it begins.
main() {
    PATH=/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    export PATH
    # A lost connection closes standard output; the deploy goes on all the same.
    trap '' PIPE HUP
    flake=$1 configuration=$2 expected=$3 url=$4 timeout=$5
    shift 5
    keys=$*
    mkdir -p "$state"
    log=$state/log
    one_at_a_time
    begin_log
    step="build"
    deploy && code=0 || code=$?
    [ "$code" -eq 0 ] || report_failure "$code" >&2
    return "$code"
}

# The lock is the kernel's and ends with this process, however it ends.
one_at_a_time() {
    exec 9>"$state/lock"
    flock --exclusive --wait "$timeout" 9 || {
        echo "deploy: another deploy on $(hostname) has not ended within $timeout s. See journalctl and $log." >&2
        exit 75
    }
}

# A deploy that can't say what it does does nothing: with this disk full, Nix would fail half-way.
begin_log() {
    printf 'deploy of %s, %s\n' "$flake" "$configuration" 2>/dev/null >"$log" || {
        room=$(df -Ph "$state" | awk 'END { print $4 " free on " $6 }')
        echo "deploy: $log on $(hostname) cannot be written: $room." >&2
        echo "Nothing was changed. Free some space there, then run pulumi up again." >&2
        exit 74
    }
}

# `set -e` is off inside a function whose result is tested, so each step says on its own what its failure means.
deploy() {
    toplevel=$(build) || return 10
    previous=$(readlink -f "$profile" || true)
    step="activation of $toplevel"
    activate "$toplevel" || { fail_back "$?"; return; }
    step="proof that $url serves"
    prove >>"$log" 2>&1 || { fail_back 30; return; }
    printf '{"toplevel":"%s","previous":"%s","url":"%s"}\n' "$toplevel" "$previous" "$url"
}

build() {
    built=$(timeout "$timeout" nix --extra-experimental-features "nix-command flakes" build --no-link --print-out-paths \
        "$flake#nixosConfigurations.$configuration.config.system.build.toplevel" 2>>"$log") || return 1
    [ "$built" = "$expected" ] ||
        echo "the flake changed since the preview: built $built, the preview said $expected" >>"$log"
    printf '%s' "$built"
}

# Setting the profile first makes it the one that the next boot takes, and a root for the garbage collector.
activate() {
    nix-env --profile "$profile" --set "$1" >>"$log" 2>&1 || return 20
    # As nixos-rebuild does it: switch-to-configuration is told nothing of the terminal or the locale.
    timeout "$timeout" "$1/bin/switch-to-configuration" switch >>"$log" 2>&1 && return
    code=$?
    # 4: the switch is done, but units failed to start. Any that is not ours was failing on its own account.
    [ "$code" -eq 4 ] && ! our_units_failed && {
        echo "units failed that are not the cache's; going on" >>"$log"
        return
    }
    return 21
}

# A job that failed last night says nothing of this deploy: only what serves and takes uploads counts.
our_units_failed() {
    systemctl list-units --failed --no-legend --plain | grep -Eq '^(harmonia|nginx|nix-daemon|sshd?)[.@-]'
}

# A path that never was, fetched as a client fetches it: a store of its own, trusting nobody but this cache's keys.
prove() {
    scratch=$(mktemp -d "$state/proof.XXXXXX")
    built=$(nix-store --realise "$(probe_derivation)") || return 1
    fetch_probe "$built"
    code=$?
    chmod -R u+w "$scratch"
    rm -rf "$scratch"
    return "$code"
}

probe_derivation() {
    nix-instantiate --add-root "$scratch/probe.drv" --indirect - <<'EOF'
derivation {
  name = "nix-binary-cache-proof";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo ${toString builtins.currentTime} > $out" ];
}
EOF
}

# The service may take a moment to listen after its unit is said to have started.
fetch_probe() {
    for pause in 0 1 2 4 8; do
        sleep "$pause"
        timeout 60 nix --extra-experimental-features nix-command copy --from "$url" \
            --to "$scratch/store" --option trusted-public-keys "$keys" --option require-sigs true \
            --option narinfo-cache-negative-ttl 0 --option connect-timeout 5 --option download-attempts 1 "$1" && return
    done
    return 1
}

# The previous generation comes back and is switched to; its own failure is said, but the first one is what counts.
fail_back() {
    code=$1
    {
        echo "--- the units, as the failure left them"
        journalctl --no-pager --lines 15 --unit nginx --unit harmonia 2>&1
    } >>"$log"
    if [ -n "$previous" ] && [ "$previous" != "$toplevel" ] && [ -x "$previous/bin/switch-to-configuration" ]; then
        echo "--- going back to $previous" >>"$log"
        nix-env --profile "$profile" --set "$previous" >>"$log" 2>&1 || true
        "$previous/bin/switch-to-configuration" switch >>"$log" 2>&1 || echo "going back failed too" >>"$log"
        outcome="The previous system, $previous, is back."
    else
        outcome="There was no previous system to go back to."
    fi
    return "$code"
}

report_failure() {
    echo "deploy: the $step failed on $(hostname). ${outcome:-Nothing was changed.}"
    tail -n 25 "$log" | sed 's/^/  /'
    echo "The whole log is $log there. Mend the cause, then run pulumi up again."
}

main "$@"
