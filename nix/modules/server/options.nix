{ config, lib, ... }:
let
  inherit (lib)
    literalExpression
    mkEnableOption
    mkOption
    types
    ;
  root = config.services.nix-binary-cache;
  setting = import ../setting.nix {
    inherit lib;
    inherit (root) vars;
  };
  kinds = import ../types.nix { inherit lib; };
in
{
  imports = [ ./job-options.nix ];

  options.services.nix-binary-cache.server = {
    enable = mkEnableOption "the server of a private Nix binary cache";

    name = setting [ "server" "name" ] "server" {
      type = kinds.hostName;
      description = "The server's name, as its builders and its reports call it.";
    };

    port = setting [ "cache" "port" ] 5000 {
      type = types.port;
      description = "The TCP port that machines of the tailnet read from.";
    };

    priority = setting [ "cache" "priority" ] 50 {
      type = types.ints.between 1 1000;
      description = "Nix asks lower numbers first; cache.nixos.org has 40.";
    };

    upstreams =
      setting
        [ "cache" "upstreams" ]
        [
          {
            url = "https://cache.nixos.org";
            publicKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
          }
        ]
        {
          type = types.listOf kinds.upstream;
          description = "Substituters that are asked before this cache; what they have needs no place here.";
        };

    tailnetInterface = mkOption {
      type = types.str;
      default = config.services.tailscale.interfaceName or "tailscale0";
      defaultText = literalExpression "config.services.tailscale.interfaceName";
      description = "The one interface on which the firewall lets the cache's port through.";
    };

    sshPort = setting [ "server" "sshPort" ] 22 {
      type = types.port;
      description = "The port on which builders upload, let through on the same interface.";
    };

    ssh = setting [ "server" "ssh" ] "openssh" {
      type = types.enum [
        "openssh"
        "tailscale"
      ];
      description = ''
        Who answers builders on that port. With Tailscale SSH, tailscaled's file transfer and port forwarding are turned
        off on this machine, for everybody: it serves both without asking the account's login shell, which is what keeps
        builders to uploads.
      '';
    };

    listenAddresses = mkOption {
      type = types.nullOr (types.listOf kinds.address);
      default = null;
      example = [ "100.64.0.1" ];
      description = ''
        Addresses that nginx listens on; null: all, with the firewall in front. An address of the tailnet may not be
        there yet when nginx starts at boot.
      '';
    };

    origin = mkOption {
      type = kinds.endpoint;
      default = "127.0.0.1:${toString (root.server.port + 1)}";
      defaultText = literalExpression ''"127.0.0.1:''${toString (port + 1)}"'';
      description = "Where Harmonia listens, on the loopback only: nginx is what the tailnet sees.";
    };

    harmonia.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether Harmonia is set up here; without it, something else has to serve the store at `origin`.";
    };

    signing = {
      keys = setting [ "signing" "keys" ] [ "server-cache-1" ] {
        type = types.listOf kinds.keyName;
        description = "Names of the signing keys; every one signs.";
      };
      directory = setting [ "signing" "directory" ] "/var/lib/secrets/nix-binary-cache" {
        type = kinds.secretPath;
        description = "Where NAME.secret of each lies, mode 0400, root's. `pulumi up` makes them there.";
      };
    };

    nginxCache = {
      directory = mkOption {
        type = kinds.directory;
        default = "/var/cache/nginx/nix-binary-cache";
        description = "Where nginx keeps compressed NARs. What lies there can be lost at any time.";
      };
      maxSize = mkOption {
        type = kinds.bytes;
        default = "10GiB";
        description = "How much it may keep.";
      };
    };

    warm = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      example = {
        bytesPerSecond = "50MiB";
      };
      description = "What `cachectl warm` may use: url, concurrency, bytesPerSecond, maxBytes, timeoutSeconds.";
    };

    limits = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      example = {
        dailyBytes = "200GiB";
      };
      description = "What one builder can use of the server: the fields of Limits in cachectl/receive/limits.ts.";
    };
  };
}
