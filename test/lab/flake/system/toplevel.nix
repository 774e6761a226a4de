# Puts a system together: one derivation that renders everything the evaluation gave.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  units = import ./units.nix { inherit lib; inherit (config) systemd; };
in
{
  config.system.build.toplevel = derivation {
    name = "nixos-system-${config.networking.hostName}";
    system = pkgs.stdenv.hostPlatform.system;
    builder = "/usr/local/bin/node";
    args = [
      "--disable-warning=ExperimentalWarning"
      "${./.}/render.ts"
    ];
    __structuredAttrs = true;
    inherit units;
    inherit (config.environment) etc;
    inherit (config.users) users groups;
    tmpfiles = config.systemd.tmpfiles.rules;
    packages = lib.unique (map toString config.environment.systemPackages);
    unitPackages = map toString config.systemd.packages;
    activate = "${./.}/switch.ts";
  };
}
