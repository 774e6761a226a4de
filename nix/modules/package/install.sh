# shellcheck shell=sh
# Builds the package: copies, and writes its own path where a program says @out@ or /usr/local/lib/nix-binary-cache.
# The derivation gives: out, node, cachectl, hook, services, wrapper, receiver, prepareBuilder, includeSettings, PATH.
# shellcheck disable=SC2154  # all of these come from the derivation
set -eu

main() {
    library=$out/lib/nix-binary-cache
    mkdir -p "$out/bin" "$library" "$out/lib/systemd/system" "$out/Library/LaunchDaemons"
    mkdir "$library/darwin"
    cp -R "$cachectl" "$library/cachectl"
    cp -R "$hook" "$library/hook"
    cp -R "$services" "$library/services"
    chmod -R u=rwX,go=rX "$library"
    # The launcher that looks for a Node has none to look for here.
    fill_in "$wrapper" "$library/cachectl/cachectl" 755
    fill_in "$receiver" "$out/bin/cachectl-receive" 755
    ln -s "$library/cachectl/cachectl" "$out/bin/cachectl"
    fill_in "$prepareBuilder" "$library/darwin/prepare-builder.sh" 755
    fill_in "$includeSettings" "$library/darwin/include-settings.sh" 755
    chmod 755 "$library/hook/upload-hook.sh" "$library/services/upload-if-queued.sh"
    for unit in "$services"/*.service "$services"/*.path "$services"/*.timer; do
        fill_in "$unit" "$out/lib/systemd/system/$(basename "$unit")" 644
    done
    for daemon in "$services"/*.plist; do
        fill_in "$daemon" "$out/Library/LaunchDaemons/$(basename "$daemon")" 644
    done
}

# usage: fill_in FROM TO MODE
fill_in() {
    sed -e "s|/usr/local/lib/nix-binary-cache|$library|g" -e "s|@node@|$node|g" -e "s|@library@|$library|g" \
        -e "s|@out@|$out|g" "$1" >"$2.new"
    chmod "$3" "$2.new"
    mv -f "$2.new" "$2"
}

main
