# Several packages in one set, one with an odd name, and a check that fails when it is evaluated.
{
  outputs =
    { ... }:
    let
      say =
        name: text:
        derivation {
          inherit name;
          system = "@SYSTEM@";
          builder = "/bin/sh";
          args = [
            "-c"
            "echo ${text} >$out"
          ];
        };
    in
    {
      packages."@SYSTEM@" = {
        one = say "one" "1";
        two = say "two" "2";
        "od.d \${x}\\y" = say "odd" "3";
      };
      checks."@SYSTEM@" = {
        a = say "a" "a";
        b = throw "not today";
        c = say "c" "c";
      };
      nixosConfigurations.desktop.config.system.build.toplevel = say "desktop" "d";
    };
}
