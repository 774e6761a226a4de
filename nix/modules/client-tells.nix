# A NixOS machine that reads tells the server once a day, and after every switch to other keys, which keys it trusts: what
# `cachectl clients` shows there, and what a key's retirement waits for. One question for nix-cache-info.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.services.nix-binary-cache) client;
  job = import ./job.nix { inherit config lib pkgs; };
in
{
  config = lib.mkIf (client.enable && client.url != null) {
    systemd.services.nix-binary-cache-tell = job.service "doctor cache-info" {
      # 1: the server is away, which is no failure of this machine's.
      SuccessExitStatus = [
        1
        75
      ];
    };
    systemd.timers.nix-binary-cache-tell =
      job.timer {
        # Not at the switch itself, which would wait for a server that is away.
        OnActiveSec = "1min";
        OnUnitInactiveSec = "1d";
        AccuracySec = "1min";
      }
      // {
        restartTriggers = client.publicKeys;
      };
  };
}
