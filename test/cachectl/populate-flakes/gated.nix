# An output between two others that is not done before a file is there.
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
    in
    {
      packages."@SYSTEM@" = {
        a = run "a" "echo a >$out";
        b = run "b" "while [ ! -e @FOLDER@/gate ]; do sleep 0.1; done; echo b >$out";
        c = run "c" "echo c >$out";
      };
    };
}
