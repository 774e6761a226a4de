"""Drives the machines of whole-path.nix; `server`, `builder` and `client` are the test driver's."""

import json
import shlex

secrets = "/var/lib/secrets/nix-binary-cache"
cache = "http://server:5000"

start_all()
server.wait_for_unit("multi-user.target")
builder.wait_for_unit("nix-binary-cache-keys.service")
client.wait_for_unit("multi-user.target")

with subtest("the signing key is made in its place, as pulumi up does"):
    server.succeed(f"umask 077; mkdir -p {secrets}")
    server.succeed(
        "nix-store --generate-binary-cache-key server-cache-1"
        f" {secrets}/server-cache-1.secret {secrets}/server-cache-1.pub"
    )
    server.succeed("systemctl restart harmonia.service nginx.service")
    key = server.succeed(f"cat {secrets}/server-cache-1.pub").strip()
    client.wait_until_succeeds(f"curl -sf {cache}/nix-cache-info | grep -qx 'Priority: 50'")

with subtest("nothing of Harmonia is reached but the cache"):
    for page in ["/metrics", "/version", "/health"]:
        client.fail(f"curl -sf {cache}{page}")
    client.fail("curl -sf --max-time 5 http://server:5001/nix-cache-info")

with subtest("a builder is registered"):
    halves = json.loads(builder.succeed("cachectl keys show"))
    registration = {"name": "builder", "system": "x86_64-linux", **halves}
    server.succeed(f"echo {shlex.quote(json.dumps(registration))} | cachectl builders add")

with subtest("a build reaches the server by itself"):
    path = builder.succeed("nix-build --no-out-link /etc/build.nix --argstr text hello").strip()
    server.wait_until_succeeds(f"nix-store --check-validity {path}", timeout=120)

with subtest("another machine fetches it, trusting the server's key alone"):
    client.succeed(
        f"nix copy --from {cache} --option trusted-public-keys {shlex.quote(key)} {path}"
    )
    assert client.succeed(f"cat {path}").strip() == "hello"

with subtest("the account that takes uploads takes nothing else"):
    ssh = "ssh -i /var/lib/nix-binary-cache/keys/ssh -o StrictHostKeyChecking=no nix-push@server"
    for command in ["id", "nix-daemon --stdio", ""]:
        builder.fail(f"{ssh} {command} </dev/null")

with subtest("what was uploaded outlives a garbage collection"):
    server.succeed("nix-store --gc")
    server.succeed(f"nix-store --check-validity {path}")
