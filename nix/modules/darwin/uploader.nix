# The uploader under launchd, by the same plist as on every other Mac.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) builder package;
  label = "org.nix-binary-cache.upload.plist";
in
{
  config = lib.mkIf builder.enable {
    environment.launchDaemons.${label}.source = "${package}/Library/LaunchDaemons/${label}";

    # Before launchd is told: it has to have a queue to watch.
    system.activationScripts.extraActivation.text =
      "/bin/sh ${package}/lib/nix-binary-cache/darwin/prepare-builder.sh ${builder.name}\n";
  };
}
