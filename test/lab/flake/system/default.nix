# Evaluates modules to a system: the double of nixpkgs' nixos/lib/eval-config.nix.
{
  lib,
  modules,
  specialArgs ? { },
}:
let
  pkgs = import ./pkgs.nix;
  evaluated = lib.evalModules {
    modules = [
      ./base.nix
      ./nix.nix
      ./ssh.nix
      ./nginx.nix
      ./harmonia.nix
      ./toplevel.nix
    ]
    ++ modules;
    specialArgs = specialArgs // {
      inherit pkgs;
    };
  };
  failed = builtins.filter ({ assertion, ... }: !assertion) evaluated.config.assertions;
  messages = map ({ message, ... }: "- ${message}") failed;
in
if failed == [ ] then
  evaluated
else
  throw "Failed assertions:\n${builtins.concatStringsSep "\n" messages}"
