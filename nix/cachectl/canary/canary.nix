# A path that never was: its contents differ with `text`, its name never, so that retention keeps the last few of them
# and drops the others. Needs nothing but a shell, which every builder has at this place, in Nix's sandbox too.
{ system ? builtins.currentSystem, text }:

derivation {
  name = "nix-binary-cache-canary";
  inherit system text;
  builder = "/bin/sh";
  args = [
    "-c"
    "echo \"$text\" >$out"
  ];
  # Nobody else can have it: not asking saves the time, and a note in Nix's own cache that it is not there.
  allowSubstitutes = false;
  preferLocalBuild = true;
}
