#!/bin/sh
# The one way into every npm script: brings the dependencies up to the lockfile, finds a Node that strips types, and
# runs the program behind the verb. A fresh clone needs nothing but Node 20 or newer and npm.
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

command -v node >/dev/null || fail "node: not found. Install Node 20 or newer (with npm), then run this again."
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    fail "node: found $(node --version), needed v20 or newer. Install a newer Node, then run this again."

# The stamp holds the digest of the lockfile that node_modules was made from, so that a pull that changes it is noticed.
install_dependencies() {
    stamp=node_modules/.installed-from
    digest=$(cksum <package-lock.json)
    [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && return
    command -v npm >/dev/null || fail "npm: not found. Install npm 10 or newer, then run this again."
    echo "installing dependencies from package-lock.json" >&2
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
        fail "npm ci: failed. Check that the npm registry can be reached, then run this again."
    printf '%s' "$digest" >"$stamp"
}

# Type stripping without a flag came with Node 22.18; an older one is helped out by the Node that npm installed.
find_node() {
    for candidate in node_modules/node-*/bin/node node; do
        if "$candidate" -e 'const [a, b] = process.versions.node.split(".").map(Number);
            process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "node: found $(node --version), needed v22.18 or newer on this platform. Install Node 24, then run this again."
}

install_dependencies
node=$(find_node)
case $node in /*) ;; *) node=$PWD/$node ;; esac
PATH=$(dirname "$node"):$PATH
# Everything started from here loads faster for it; it goes with node_modules.
NODE_COMPILE_CACHE=$PWD/node_modules/.cache/node
export PATH NODE_COMPILE_CACHE

verb=${1:?"usage: run.sh VERB [argument...]"}
shift
case $verb in
start) exec "$node" test/lab/start.ts "$@" ;;
lab) exec "$node" test/lab/cli.ts "$@" ;;
test) exec "$node" scripts/test.ts --without-lab "$@" ;;
test:lab) exec "$node" scripts/test.ts --lab "$@" ;;
check) exec sh scripts/check.sh "$@" ;;
format) exec "$node" node_modules/prettier/bin/prettier.cjs --write --log-level warn . "$@" ;;
bench) exec "$node" test/bench/main.ts "$@" ;;
soak) exec "$node" scripts/test.ts --soak "$@" ;;
schema) exec "$node" scripts/config-schema.ts "$@" ;;
nix-vars) exec "$node" scripts/nix-vars.ts "$@" ;;
doctor) exec "$node" scripts/doctor.ts "$@" ;;
escrow) exec "$node" scripts/escrow.ts "$@" ;;
restore-key) exec "$node" scripts/restore-key.ts "$@" ;;
ci-keys) exec "$node" scripts/ci-keys.ts "$@" ;;
setup) exec "$node" scripts/setup.ts "$@" ;;
transcript) exec "$node" scripts/transcript.ts "$@" ;;
workflow) exec "$node" scripts/workflow.ts "$@" ;;
*) fail "run.sh: unknown verb '$verb'. See the scripts in package.json." ;;
esac
