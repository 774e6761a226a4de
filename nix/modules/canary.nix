# The canary of a NixOS machine: a path that never was, built and fetched through the cache, again and again, so that a
# cache that has stopped filling is noticed the same hour and not when a build takes an hour.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkIf mkOption types;
  inherit (config.services.nix-binary-cache) canary vars;
  job = import ./job.nix { inherit config lib pkgs; };
  kinds = import ./types.nix { inherit lib; };
in
{
  options.services.nix-binary-cache.canary = {
    enable = mkOption {
      type = types.bool;
      # Before the stack's facts are there, nothing says which keys to trust.
      default = (config.services.nix-binary-cache.server.enable or false) && (vars.cache.url or null) != null;
      defaultText = literalExpression "server.enable, once vars are set";
      description = "Whether this machine tries the cache on a schedule; `cachectl status` shows how it went.";
    };
    schedule = mkOption {
      type = kinds.calendar;
      default = "hourly";
      description = "When, as systemd writes it.";
    };
  };

  config = mkIf canary.enable {
    systemd.services.nix-binary-cache-canary =
      job.service "canary" {
        StateDirectory = "nix-binary-cache";
        UMask = "0022";
      }
      // {
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
      };
    systemd.timers.nix-binary-cache-canary = job.timer (job.calendar canary.schedule);
  };
}
