# What a client can't do without, on NixOS and on nix-darwin.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) client;
  remedy =
    "Set services.nix-binary-cache.vars = lib.importJSON ./nix/vars/STACK.json, "
    + "which `npm run nix-vars -- STACK` writes.";
in
{
  config = lib.mkIf client.enable {
    assertions = [
      {
        assertion = client.url != null;
        message = "services.nix-binary-cache.client.url: is not set. ${remedy}";
      }
      {
        assertion = client.publicKeys != [ ];
        message = "services.nix-binary-cache.client.publicKeys: is empty, so nothing could be taken. ${remedy}";
      }
    ];
  };
}
