# Under launchd, a Mac that reads tells the server which keys it trusts: nix/modules/client-tells.nix does it under systemd.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) client package;
  label = "org.nix-binary-cache.tell.plist";
in
{
  config = lib.mkIf (client.enable && client.url != null) {
    environment.launchDaemons.${label}.source = "${package}/Library/LaunchDaemons/${label}";
  };
}
