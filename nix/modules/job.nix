# One scheduled job: a verb of cachectl as a service, confined by hardening.nix, and its timer.
{
  config,
  lib,
  pkgs,
}:
let
  hardening = import ./hardening.nix;
in
{
  # The verb with its arguments; what its unit has besides.
  service = verb: more: {
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
    serviceConfig =
      hardening
      // {
        Type = "oneshot";
        ExecStart = "${config.services.nix-binary-cache.package}/bin/cachectl ${verb}";
        # 75: another run is at it, which does all that this one would.
        SuccessExitStatus = 75;
        # Whoever reads from the cache, and whatever else the server does, comes first.
        Nice = 10;
        IOSchedulingClass = "idle";
        CPUWeight = 20;
      }
      // more;
  };

  timer = timerConfig: {
    wantedBy = [ "timers.target" ];
    inherit timerConfig;
  };

  # At a time that systemd's calendar names; a machine that was off catches up.
  calendar = schedule: {
    OnCalendar = schedule;
    Persistent = true;
    RandomizedDelaySec = "15min";
  };

  # Again and again.
  every = time: {
    OnBootSec = "2min";
    OnUnitInactiveSec = time;
    AccuracySec = "30s";
  };

  # systemd writes sizes without "iB", and means the same.
  size = lib.removeSuffix "iB";
}
