# Outputs that go wrong in every way, among good ones.
{
  outputs =
    { ... }:
    let
      run =
        name: script:
        derivation {
          inherit name;
          system = "@SYSTEM@";
          builder = "/bin/sh";
          args = [
            "-c"
            script
          ];
          PATH = "/usr/bin:/bin";
        };
      # Never ends, and keeps all that it has seen.
      grow = builtins.genericClosure {
        startSet = [ { key = 0; } ];
        operator = item: [ { key = item.key + 1; } ];
      };
    in
    {
      packages."@SYSTEM@" = {
        a-good = run "a-good" "echo good >$out";
        b-fails = run "b-fails" "echo 'the compiler is unhappy' >&2; exit 3";
        c-good = run "c-good" "echo good >$out";
        d-floods = run "d-floods" "yes 'and so on and so forth'";
        e-eats = run "e-eats" "tail /dev/zero; echo $? >&2; exit 9";
        f-throws = throw "no such package";
        g-explodes = run "g-explodes" "echo ${toString (builtins.length grow)} >$out";
        h-none = "a text";
        i-needs = derivation {
          name = "i-needs";
          system = "@SYSTEM@";
          builder = "/bin/sh";
          args = [ (run "missing" "exit 1") ];
        };
        y-hangs = run "y-hangs" "sleep 600";
        z-good = run "z-good" "echo good >$out";
      };
    };
}
