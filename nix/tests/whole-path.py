"""Drives the machines of whole-path.nix; `server`, `builder` and `client` are the test driver's."""

import json
import shlex

secrets = "/var/lib/secrets/nix-binary-cache"
cache = "http://server:5000"

start_all()  # noqa: F821
server.wait_for_unit("multi-user.target")  # noqa: F821
builder.wait_for_unit("nix-binary-cache-keys.service")  # noqa: F821
client.wait_for_unit("multi-user.target")  # noqa: F821

with subtest("the signing key is made in its place, as pulumi up does"):  # noqa: F821
    server.succeed(f"umask 077; mkdir -p {secrets}")  # noqa: F821
    server.succeed(  # noqa: F821
        "nix-store --generate-binary-cache-key server-cache-1"
        f" {secrets}/server-cache-1.secret {secrets}/server-cache-1.pub"
    )
    server.succeed("systemctl restart harmonia.service nginx.service")  # noqa: F821
    key = server.succeed(f"cat {secrets}/server-cache-1.pub").strip()  # noqa: F821
    client.wait_until_succeeds(f"curl -sf {cache}/nix-cache-info | grep -qx 'Priority: 50'")  # noqa: F821

with subtest("nothing of Harmonia is reached but the cache"):  # noqa: F821
    for page in ["/metrics", "/version", "/health"]:
        client.fail(f"curl -sf {cache}{page}")  # noqa: F821
    client.fail("curl -sf --max-time 5 http://server:5001/nix-cache-info")  # noqa: F821

with subtest("a builder is registered"):  # noqa: F821
    halves = json.loads(builder.succeed("cachectl keys show"))  # noqa: F821
    registration = {"name": "builder", "system": "x86_64-linux", **halves}
    server.succeed(f"echo {shlex.quote(json.dumps(registration))} | cachectl builders add")  # noqa: F821

with subtest("a build reaches the server by itself"):  # noqa: F821
    path = builder.succeed("nix-build --no-out-link /etc/build.nix --argstr text hello").strip()  # noqa: F821
    server.wait_until_succeeds(f"nix-store --check-validity {path}", timeout=120)  # noqa: F821

with subtest("another machine fetches it, trusting the server's key alone"):  # noqa: F821
    client.succeed(  # noqa: F821
        f"nix copy --from {cache} --option trusted-public-keys {shlex.quote(key)} {path}"
    )
    assert client.succeed(f"cat {path}").strip() == "hello"  # noqa: F821

with subtest("the account that takes uploads takes nothing else"):  # noqa: F821
    ssh = "ssh -i /var/lib/nix-binary-cache/keys/ssh -o StrictHostKeyChecking=no nix-push@server"
    for command in ["id", "nix-daemon --stdio", ""]:
        builder.fail(f"{ssh} {command} </dev/null")  # noqa: F821

with subtest("what was uploaded outlives a garbage collection"):  # noqa: F821
    server.succeed("nix-store --gc")  # noqa: F821
    server.succeed(f"nix-store --check-validity {path}")  # noqa: F821
