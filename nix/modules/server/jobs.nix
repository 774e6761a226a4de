# The scheduled jobs.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf;
  inherit (config.services.nix-binary-cache) server;
  hardening = import ../hardening.nix;
  job = import ../job.nix { inherit config lib pkgs; };
  state = "/var/lib/nix-binary-cache";
  roots = "/nix/var/nix/gcroots/nix-binary-cache";

  # Roots belong to whoever made them, and other users' profiles are read.
  retains = {
    CapabilityBoundingSet = [ "CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER" ];
    StateDirectory = "nix-binary-cache";
    # Its database is read beside its writers, which takes a lock there.
    ReadWritePaths = [ "/nix/var/nix" ];
    ProtectHome = "read-only";
    # It speaks with the Nix daemon and nobody else.
    PrivateNetwork = true;
    RestrictAddressFamilies = [ "AF_UNIX" ];
  };
in
{
  config = mkIf server.enable {
    users.groups.nix-populate = { };
    users.users.nix-populate = {
      description = "the Nix binary cache's populate job";
      isSystemUser = true;
      group = "nix-populate";
      home = "${state}/populate";
    };

    systemd.services.nix-binary-cache-populate = mkIf server.populate.enable (
      job.service "populate" (
        {
          User = "nix-populate";
          Group = "nix-populate";
          UMask = "0022";
          ReadWritePaths = [
            "${state}/populate"
            "${roots}/populate"
          ];
          MemoryMax = job.size server.populate.memoryMax;
          # setpriv, by which what populate starts dies with it, sets its capabilities, which are none, once more.
          SystemCallFilter = hardening.SystemCallFilter ++ [ "capset" ];
          # An evaluation that is too large ends alone; the next output is tried.
          OOMPolicy = "continue";
        }
        // lib.optionalAttrs (server.populate.deployKeyFile != null) {
          LoadCredential = [ "deploy-key:${server.populate.deployKeyFile}" ];
        }
      )
      // {
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
      }
    );
    systemd.timers.nix-binary-cache-populate = mkIf server.populate.enable (
      job.timer (job.calendar server.populate.schedule)
    );

    # Populate's builds are the daemon's children, outside the job's own limit. One that wants more ends alone.
    systemd.services.nix-daemon =
      mkIf (server.populate.enable && server.populate.buildMemoryMax != null)
        {
          serviceConfig = {
            MemoryMax = lib.mkDefault (job.size server.populate.buildMemoryMax);
            OOMPolicy = lib.mkDefault "continue";
          };
        };

    systemd.services.nix-binary-cache-retain = mkIf server.retention.enable (job.service "retain" retains);
    systemd.timers.nix-binary-cache-retain = mkIf server.retention.enable (
      job.timer (job.calendar server.retention.schedule)
    );

    # Between two runs the disk can fill up; looking costs a moment.
    systemd.services.nix-binary-cache-retain-if-low = mkIf server.retention.enable (
      job.service "retain --if-low" retains
    );
    systemd.timers.nix-binary-cache-retain-if-low = mkIf server.retention.enable (job.timer (job.every "10min"));

    # Copies of a corrupt path are taken out of nginx's cache too.
    systemd.services.nix-binary-cache-scrub = mkIf server.scrub.enable (
      job.service "scrub" (
        retains // { ReadWritePaths = retains.ReadWritePaths ++ [ "-${server.nginxCache.directory}" ]; }
      )
    );
    systemd.timers.nix-binary-cache-scrub = mkIf server.scrub.enable (
      job.timer (job.calendar server.scrub.schedule)
    );

    # Reads what all others wrote, nginx's log among it.
    systemd.services.nix-binary-cache-status = mkIf server.status.enable (
      job.service "status --html ${state}/status/index.html" {
        CapabilityBoundingSet = [ "CAP_DAC_READ_SEARCH" ];
        UMask = "0022";
        ReadWritePaths = [ "${state}/status" ];
      }
    );
    systemd.timers.nix-binary-cache-status = mkIf server.status.enable (job.timer (job.every "5min"));
  };
}
