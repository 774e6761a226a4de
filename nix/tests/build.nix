# What the builder builds: a path that never was, with nothing but a shell.
{ text }:
derivation {
  name = "nix-binary-cache-test";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [
    "-c"
    "echo ${text} > $out"
  ];
}
