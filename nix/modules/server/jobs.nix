# The scheduled jobs. Each is one verb of cachectl, confined by hardening.nix.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.services.nix-binary-cache) server package;
  hardening = import ../hardening.nix;
  state = "/var/lib/nix-binary-cache";
  roots = "/nix/var/nix/gcroots/nix-binary-cache";

  # systemd writes sizes without "iB", and means the same.
  systemdSize = lib.removeSuffix "iB";

  job = verb: service: {
    description = "cachectl ${verb}";
    path = [
      config.nix.package
      pkgs.git
      pkgs.openssh
      pkgs.util-linux
    ];
    # Root too goes through the daemon: the store is read-only for these units.
    environment.NIX_REMOTE = "daemon";
    # A deploy does not cut off what runs; the next run is the new program's.
    restartIfChanged = false;
    serviceConfig = hardening // {
      Type = "oneshot";
      ExecStart = "${package}/bin/cachectl ${verb}";
      # 75: another run is at it, which does all that this one would.
      SuccessExitStatus = 75;
      # Whoever reads from the cache, and whatever else the server does, comes first.
      Nice = 10;
      IOSchedulingClass = "idle";
      CPUWeight = 20;
    } // service;
  };

  timer = schedule: {
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnCalendar = schedule;
      # A machine that was off catches up.
      Persistent = true;
      RandomizedDelaySec = "15min";
    };
  };
in
{
  config = lib.mkIf server.enable {
    users.groups.nix-populate = { };
    users.users.nix-populate = {
      description = "the Nix binary cache's populate job";
      isSystemUser = true;
      group = "nix-populate";
      home = "${state}/populate";
    };

    systemd.services.nix-binary-cache-populate = lib.mkIf server.populate.enable (
      job "populate" (
        {
          User = "nix-populate";
          Group = "nix-populate";
          UMask = "0022";
          ReadWritePaths = [
            "${state}/populate"
            "${roots}/populate"
          ];
          MemoryMax = systemdSize server.populate.memoryMax;
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
    systemd.timers.nix-binary-cache-populate = lib.mkIf server.populate.enable (timer server.populate.schedule);

    systemd.services.nix-binary-cache-retain = lib.mkIf server.retention.enable (
      job "retain" {
        ReadWritePaths = [
          state
          "/nix/var/nix"
        ];
        # Roots are their makers', and the links of other users' profiles are read.
        CapabilityBoundingSet = [ "CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER" ];
        ProtectHome = "read-only";
        ProtectProc = "default";
        ProcSubset = "all";
      }
    );
    systemd.timers.nix-binary-cache-retain = lib.mkIf server.retention.enable (timer server.retention.schedule);
  };
}
