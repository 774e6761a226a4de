# What stands for nixpkgs' packages: programs of the machines' Debian, by the folder that has them in bin.
let
  usr = {
    outPath = "/usr";
    version = "0";
  };
in
{
  stdenv.hostPlatform.system = "x86_64-linux";
  runtimeShell = "/bin/sh";
  age = {
    outPath = "${./age}";
    version = "0";
  };
  coreutils = usr;
  curl = usr;
  findutils = usr;
  git = usr;
  gnugrep = usr;
  gnused = usr;
  nix = usr;
  openssh = usr;
  util-linux = usr;
  nodejs_24 = {
    outPath = "/usr/local";
    version = "24.18.0";
    pname = "node";
  };
}
