# Nix: nix.conf out of its settings. The lab's own stand here as on the machines that have no configuration.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  text = value: if builtins.isBool value then lib.boolToString value else toString value;
  lines = lib.mapAttrsToList (name: value: "${name} = ${text value}") config.nix.settings;
in
{
  config = {
    nix.package = pkgs.nix;
    nix.settings = {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      # Builders are /bin/sh, which is only there outside a sandbox. There is no network but the tailnet.
      sandbox = lib.mkDefault false;
      build-users-group = "nixbld";
      system = "x86_64-linux";
      substituters = [ ];
    };
    environment.etc."nix/nix.conf".text = "${lib.concatStringsSep "\n" lines}\n${config.nix.extraOptions}\n";
  };
}
