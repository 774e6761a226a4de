# Options of a machine that reads from the cache, on NixOS and on nix-darwin.
{ config, lib, ... }:
let
  inherit (lib) mkEnableOption types;
  setting = import ./setting.nix {
    inherit lib;
    inherit (config.services.nix-binary-cache) vars;
  };
  kinds = import ./types.nix { inherit lib; };
in
{
  options.services.nix-binary-cache.client = {
    enable = mkEnableOption "reading from a private Nix binary cache";

    url = setting [ "cache" "url" ] null {
      type = types.nullOr kinds.url;
      description = "Where the cache is, `http://ADDRESS:PORT`.";
    };

    publicKeys = setting [ "cache" "publicKeys" ] [ ] {
      type = types.listOf kinds.nixPublicKey;
      description = "The cache's signing keys; all of them are trusted, the newest first.";
    };

    connectTimeoutSeconds = setting [ "cache" "connectTimeoutSeconds" ] 2 {
      type = types.ints.between 1 60;
      description = "How long to wait for a server that does not answer.";
    };

    downloadAttempts = setting [ "cache" "downloadAttempts" ] 1 {
      type = types.ints.between 1 10;
      description = "How often a download is tried before the path is built.";
    };

    narinfoNegativeTtlSeconds = setting [ "cache" "narinfoNegativeTtlSeconds" ] 60 {
      type = types.ints.between 0 3600;
      description = "How long Nix remembers that a path is absent.";
    };
  };
}
