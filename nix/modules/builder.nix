# A NixOS machine whose builds reach the cache: the hook queues, the uploader sends, both as on every other builder.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.services.nix-binary-cache) builder package;
  server = config.services.nix-binary-cache.server or { };
  # Newer releases of NixOS can run it as another user than root.
  daemonUser = config.nix.daemonUser or "root";
  hardening = import ./hardening.nix;
  state = "/var/lib/nix-binary-cache";
in
{
  imports = [
    ./common.nix
    ./canary.nix
    ./builder/options.nix
    ./builder/shared.nix
  ];

  config = lib.mkIf builder.enable {
    assertions = [
      {
        assertion = !(server.enable or false);
        message =
          "services.nix-binary-cache.builder.enable: is true on the server, whose builds the cache serves already. "
          + "Set it to false.";
      }
      {
        # The hook runs as the daemon does, and its queue is root's.
        assertion = daemonUser == "root";
        message =
          "nix.daemonUser: is ${daemonUser}, which can't write the queue of builds. Set it to root, or "
          + "services.nix-binary-cache.builder.enable to false.";
      }
    ];

    nix.settings = lib.mkIf builder.hook { post-build-hook = "/etc/nix/upload-to-cache.sh"; };

    # The hook runs in the daemon's environment.
    systemd.services.nix-daemon = lib.mkIf (builder.nextHook != null) {
      environment.NIX_BINARY_CACHE_NEXT_HOOK = builder.nextHook;
    };

    # The units are those of every builder, from nix/services; NixOS does not read their [Install] sections.
    systemd.packages = [ package ];
    systemd.paths.nix-binary-cache-upload.wantedBy = [ "paths.target" ];
    systemd.timers.nix-binary-cache-upload.wantedBy = [ "timers.target" ];
    systemd.services.nix-binary-cache-upload = {
      path = [
        config.nix.package
        pkgs.openssh
      ];
      after = [ "nix-binary-cache-keys.service" ];
      # The store is read-only for it; what it signs, it signs through the daemon, which trusts root.
      environment.NIX_REMOTE = "daemon";
      serviceConfig = hardening // {
        StateDirectory = "nix-binary-cache";
        ReadWritePaths = [ "/nix/var/nix/gcroots/nix-binary-cache" ];
        UMask = "0022";
      };
    };

    # Makes this builder's keys once. Their public halves go into the stack's configuration: cachectl keys show.
    systemd.services.nix-binary-cache-keys = {
      description = "Keys of this builder of the Nix binary cache";
      wantedBy = [ "multi-user.target" ];
      path = [
        config.nix.package
        pkgs.openssh
      ];
      serviceConfig = hardening // {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${package}/bin/cachectl keys init --name ${builder.name}";
        StateDirectory = "nix-binary-cache";
        UMask = "0077";
      };
    };

    systemd.tmpfiles.rules = [
      "d ${state} 0755 root root -"
      "d ${state}/keys 0700 root root -"
      "d ${state}/queue 0755 root root -"
      "d ${state}/queue/tmp 0755 root root -"
      "d ${state}/queue/new 0755 root root -"
      "d ${state}/queue/waiting 0755 root root -"
      "d ${state}/queue/rejected 0755 root root -"
      "d /nix/var/nix/gcroots/nix-binary-cache/queue 0755 root root -"
      "L+ ${state}/config.json - - - - /etc/nix-binary-cache/config.json"
    ];
  };
}
