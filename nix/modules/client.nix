# A NixOS machine that reads from the cache. Adds to the caches and keys that it has; its own values win over ours.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) client;
  settings = import ./client-settings.nix {
    inherit (client)
      url
      publicKeys
      connectTimeoutSeconds
      downloadAttempts
      narinfoNegativeTtlSeconds
      ;
  };
in
{
  imports = [
    ./common.nix
    ./canary.nix
    ./client-options.nix
    ./client-assertions.nix
    ./client-package.nix
    ./client-tells.nix
  ];

  config = lib.mkIf (client.enable && client.url != null) {
    # Weaker than a `mkDefault` of another module, which would be in conflict with ours.
    nix.settings = settings.lists // lib.mapAttrs (_: lib.mkOverride 1100) settings.values;
  };
}
