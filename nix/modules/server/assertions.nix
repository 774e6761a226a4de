# What can't work, or would not be safe, is refused before anything is built. Each message names option and remedy.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) server nodejs;
  trusted = config.nix.settings.trusted-users or [ ];
  # sshd's lists of who may log in; an entry is a name, NAME@HOST or a pattern, which only sshd can judge.
  sshd = config.services.openssh.settings or { };
  letsIn =
    list:
    list == null || builtins.any (entry: builtins.match "nix-push(@.*)?|.*[*?].*" entry != null) (lib.toList list);
  originPort = builtins.head (builtins.match ".*:([0-9]+)" server.origin);
  tailscale = config.services.tailscale or { };
  nginx = config.services.nginx;
  at = option: "services.nix-binary-cache.server.${option}";
in
{
  config = lib.mkIf server.enable {
    warnings = lib.optional (!(tailscale.enable or false) && server.tailnetInterface == "tailscale0") (
      "services.tailscale.enable: is false, so nobody reaches the cache on tailscale0. Set it to true, or name another "
      + "interface in ${at "tailnetInterface"}."
    );

    assertions = [
      {
        assertion = server.signing.keys != [ ];
        message = "${at "signing.keys"}: is empty: nothing would be signed. Name a key, such as server-cache-1.";
      }
      {
        assertion = server.ssh != "tailscale" || (tailscale.enable or false);
        message =
          "${at "ssh"}: is tailscale, and services.tailscale.enable is false, so nobody would answer builders. "
          + "Set that to true.";
      }
      {
        assertion = !lib.hasPrefix "/nix/store/" server.signing.directory;
        message = "${at "signing.directory"}: is in the Nix store, for everybody to read. Name a folder outside it.";
      }
      {
        assertion = server.populate.deployKeyFile == null || !lib.hasPrefix "/nix/store/" server.populate.deployKeyFile;
        message = "${at "populate.deployKeyFile"}: is in the Nix store, for everybody to read. Name a file outside it.";
      }
      {
        assertion = server.priority > 40 || server.upstreams == [ ];
        message =
          "${at "priority"}: is ${toString server.priority}, so clients would ask this cache "
          + "before cache.nixos.org (40). Set it above 40.";
      }
      {
        # nginx speaks with itself on the second port after the cache's: nginx-config.nix, fillPort.
        assertion = !(lib.elem originPort (map toString [ server.port (server.port + 2) ]));
        message = "${at "origin"}: has nginx's own port, ${originPort}. Give Harmonia another one.";
      }
      {
        assertion = (nginx.config or "") == "" && (nginx.httpConfig or "") == "";
        message =
          "services.nginx.${if (nginx.config or "") == "" then "httpConfig" else "config"}: is set, and NixOS then leaves "
          + "out all else of http, the cache too. Move it to services.nginx.appendHttpConfig or virtualHosts.";
      }
      {
        assertion = (config.networking.firewall.enable or true) || server.listenAddresses != null;
        message =
          "networking.firewall.enable: is false, so every network would reach the cache. "
          + "Set it to true, or name the tailnet's addresses in ${at "listenAddresses"}.";
      }
      {
        assertion = !(lib.elem "*" trusted) && !(lib.elem "nix-push" trusted);
        message =
          "nix.settings.trusted-users: has nix-push in it, so builders' signatures would not be checked. "
          + "Take out nix-push and \"*\".";
      }
      {
        assertion = config.nix.settings.require-sigs or true;
        message = "nix.settings.require-sigs: is false, so the server would sign whatever is uploaded. Set it to true.";
      }
      {
        assertion = !(config.nix.gc.automatic or false);
        message =
          "nix.gc.automatic: is true, which is a second opinion on what to keep. Set it to false: "
          + "${at "retention"} collects what is not worth keeping, generations of systems included.";
      }
      {
        assertion = !(config.services.harmonia.gc.automatic or false);
        message =
          "services.harmonia.gc.automatic: is true, which is a second opinion on what to keep. Set it to false: "
          + "${at "retention"} collects what is not worth keeping.";
      }
      {
        assertion = letsIn (sshd.AllowUsers or null);
        message = "services.openssh.settings.AllowUsers: leaves nix-push out, so nobody could upload. Add it.";
      }
      {
        assertion = letsIn (sshd.AllowGroups or null);
        message = "services.openssh.settings.AllowGroups: leaves nix-push out, so nobody could upload. Add it.";
      }
      {
        assertion = server.populate.enable -> server.populate.flake != null;
        message = "${at "populate.flake"}: is not set. Name a flake, or set ${at "populate.enable"} to false.";
      }
      (import ../node-assertion.nix { inherit lib nodejs; })
    ];
  };
}
