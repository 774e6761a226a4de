# The account that builders upload to: a login shell that does nothing but receive, and keys that `cachectl builders`
# writes. What has to be where stands in nix/cachectl/builders/generated-files.ts.
{ config, lib, ... }:
let
  inherit (config.services.nix-binary-cache) server package;
in
{
  config = lib.mkIf server.enable {
    users.groups.nix-push = { };
    users.users.nix-push = {
      description = "uploads to the Nix binary cache";
      isSystemUser = true;
      group = "nix-push";
      # Nothing is read from a home, so there is none that could be written to.
      home = "/var/empty";
      shell = "${package}/bin/cachectl-receive";
    };

    services.openssh = {
      enable = lib.mkDefault true;
      extraConfig = builtins.readFile ./sshd.conf;
    };

    # Tailscale SSH serves SFTP and forwarding by itself, past the login shell: a builder could write the audit log, take
    # roots away, and reach what the server reaches. Tried with tailscale 1.98.10, which both switches hold for.
    systemd.services.tailscaled = lib.mkIf (server.ssh == "tailscale") {
      environment = {
        TS_SSH_DISABLE_SFTP = "true";
        TS_SSH_DISABLE_FORWARDING = "true";
      };
    };

    nix = {
      # By default everybody is let in; where that was narrowed, uploads and the populate job still reach the daemon.
      settings.extra-allowed-users = [
        "nix-push"
        "nix-populate"
      ];
      # Builders' keys are trusted here and nowhere else. Last, since a later line about keys would take them back; `!`
      # lets the file be absent, before the first builder is registered.
      extraOptions = lib.mkAfter "!include /var/lib/nix-binary-cache/trusted-keys.conf";
    };
  };
}
