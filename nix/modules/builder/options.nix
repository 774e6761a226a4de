# Options of a machine whose builds reach the cache, on NixOS and on nix-darwin.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkEnableOption mkOption types;
  inherit (config.services.nix-binary-cache) vars;
  setting = import ../setting.nix { inherit lib vars; };
  kinds = import ../types.nix { inherit lib; };
  # What the stack says of a builder of this name.
  known = name: lib.filter (builder: builder.name == name) (vars.builders or [ ]);
in
{
  options.services.nix-binary-cache.builder = {
    enable = mkEnableOption "sending what this machine builds to a private Nix binary cache";

    name = mkOption {
      type = kinds.hostName;
      default = config.networking.hostName;
      defaultText = literalExpression "config.networking.hostName";
      description = "The builder's name, as `builders` in the stack's configuration has it.";
    };

    system = mkOption {
      type = kinds.system;
      default = pkgs.stdenv.hostPlatform.system;
      defaultText = literalExpression "pkgs.stdenv.hostPlatform.system";
      description = "What it builds for.";
    };

    hook = mkOption {
      type = types.bool;
      default = lib.all (builder: builder.hook) (known config.services.nix-binary-cache.builder.name);
      defaultText = literalExpression "hook of this builder in vars.builders, else true";
      description = "Whether every build is queued for the cache; without it, `cachectl reconcile` queues what it finds.";
    };

    nextHook = mkOption {
      type = types.nullOr kinds.directory;
      default = null;
      example = "/etc/nix/my-hook.sh";
      description = "A post-build hook of your own: Nix takes one only, so ours calls yours. It may fail; builds go on.";
    };

    server = {
      host = setting [ "server" "address" ] null {
        type = types.nullOr kinds.address;
        description = "The server's address in the tailnet.";
      };
      port = setting [ "server" "sshPort" ] 22 {
        type = types.port;
        description = "The port of its ssh server.";
      };
      hostKey = setting [ "server" "hostKey" ] null {
        type = types.nullOr kinds.ed25519Key;
        description = "Its ssh host key; no other is accepted.";
      };
    };

    maxPathBytes = setting [ "uploads" "maxPathBytes" ] "4GiB" {
      type = kinds.bytes;
      description = "A larger path is not uploaded.";
    };

    exclude = setting [ "uploads" "exclude" ] [ ] {
      type = types.listOf types.str;
      example = [ "*-secret-*" ];
      description = "Names of store paths (shell patterns) that are not uploaded.";
    };

    batchPaths = setting [ "uploads" "batchPaths" ] 200 {
      type = types.ints.between 1 1000;
      description = "Paths that go over one connection.";
    };

    upstreamKeys = mkOption {
      type = types.listOf kinds.keyName;
      default = map ({ publicKey, ... }: lib.head (lib.splitString ":" publicKey)) (vars.cache.upstreams or [ ]);
      defaultText = literalExpression "the names of the keys in vars.cache.upstreams";
      description = "Names of keys whose signatures the server takes as they are; all else this builder signs.";
    };
  };
}
