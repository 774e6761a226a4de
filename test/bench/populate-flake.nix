# Twenty outputs, each with an evaluation of some tenths of a second: little beside a NixOS system's, which takes seconds.
{
  inputs.words = {
    url = "@WORDS@";
    flake = false;
  };
  outputs =
    { words, ... }:
    let
      effort = seed: builtins.foldl' (sum: number: sum + number) seed (builtins.genList (number: number) 300000);
      output = number: {
        name = "output-${toString number}";
        value = derivation {
          name = "output-${toString number}";
          system = "@SYSTEM@";
          builder = "/bin/sh";
          args = [
            "-c"
            "echo ${toString (effort number)} ${words} >$out"
          ];
        };
      };
    in
    {
      packages."@SYSTEM@" = builtins.listToAttrs (builtins.genList output 20);
    };
}
