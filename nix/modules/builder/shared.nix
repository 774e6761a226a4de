# What NixOS and nix-darwin have in common: the hook in its place, config.json, and what can't work.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) builder nodejs package;
  remedy =
    "Set services.nix-binary-cache.vars = lib.importJSON ./nix/vars/STACK.json, "
    + "which `npm run nix-vars -- STACK` writes.";
in
{
  config = lib.mkIf builder.enable {
    environment.systemPackages = [ package ];
    environment.etc = {
      "nix-binary-cache/config.json".text = builtins.toJSON (import ./config.nix { inherit builder; });
      # One path on every builder, whatever installed it.
      "nix/upload-to-cache.sh".source = "${package}/lib/nix-binary-cache/hook/upload-hook.sh";
    };
    assertions = [
      {
        assertion = builder.server.host != null;
        message = "services.nix-binary-cache.builder.server.host: is not set. ${remedy}";
      }
      {
        assertion = builder.server.hostKey != null;
        message = "services.nix-binary-cache.builder.server.hostKey: is not set. ${remedy}";
      }
      (import ../node-assertion.nix { inherit lib nodejs; })
    ];
  };
}
