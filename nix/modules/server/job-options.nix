# Options of the scheduled jobs.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  inherit (config.services.nix-binary-cache) vars server;
  setting = import ../setting.nix { inherit lib vars; };
  kinds = import ../types.nix { inherit lib; };
in
{
  options.services.nix-binary-cache.server = {
    populate = {
      enable = mkOption {
        type = types.bool;
        default = (vars.populate.enabled or true) && server.populate.flake != null;
        defaultText = lib.literalExpression "(vars.populate.enabled or true) && populate.flake != null";
        description = "Whether the server builds and fetches the flake's outputs on a schedule.";
      };
      flake = mkOption {
        type = types.nullOr kinds.flakeReference;
        default = vars.populate.flake or vars.server.flake or null;
        defaultText = lib.literalExpression "vars.populate.flake or vars.server.flake or null";
        example = "github:alice/nixos-config";
        description = "The flake to build, as the server itself resolves it.";
      };
      outputs = setting [ "populate" "outputs" ] "discover" {
        type = types.either (types.enum [ "discover" ]) (types.listOf types.str);
        description = "Attribute paths; discover: every configuration and package for the server's system.";
      };
      schedule = setting [ "populate" "schedule" ] "daily" {
        type = kinds.calendar;
        description = "When, as systemd writes it.";
      };
      lock = setting [ "populate" "lock" ] "committed" {
        type = types.enum [
          "committed"
          "update"
          "update-and-commit"
        ];
        description = "Build the committed lock; or an updated one as well; or push that update to a branch.";
      };
      timeoutMinutes = setting [ "populate" "timeoutMinutes" ] 120 {
        type = kinds.count;
        description = "After this long one output is given up; the others go on.";
      };
      memoryMax = setting [ "populate" "memoryMax" ] "8GiB" {
        type = kinds.bytes;
        description = "What one output's evaluation may use, and the job as a whole; builds are the daemon's.";
      };
      buildMemoryMax = mkOption {
        type = types.nullOr kinds.bytes;
        default = server.populate.memoryMax;
        defaultText = lib.literalExpression "populate.memoryMax";
        description = ''
          What builds on this server may use, all together and whoever asked for them: the MemoryMax of nix-daemon.service
          where populate is on, unless you set that yourself. null: the daemon is left alone.
        '';
      };
      deployKeyFile = mkOption {
        type = types.nullOr kinds.secretPath;
        default = null;
        example = "/var/lib/secrets/nix-binary-cache/deploy-key";
        description = "A private ssh key for private repositories; systemd hands it to the job alone.";
      };
    };

    scrub = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether what is kept is read again on a schedule, and repaired where it is corrupt.";
      };
      schedule = mkOption {
        type = kinds.calendar;
        default = "monthly";
        description = "When, as systemd writes it; a run that was stopped goes on in the next.";
      };
      bytesPerSecond = mkOption {
        type = kinds.bytes;
        default = "50MiB";
        description = "How fast it reads.";
      };
    };

    status.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the cache's address shows a page of how it does, made anew every five minutes.";
    };
    status.metricsPort = mkOption {
      type = types.nullOr types.port;
      default = server.port + 3;
      defaultText = lib.literalExpression "port + 3";
      description = "TCP port on 127.0.0.1 where Prometheus finds the same figures, at /metrics; null: nowhere.";
    };

    retention = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether what is not worth keeping is collected on a schedule, and when space runs low.";
      };
      diskBudget = setting [ "retention" "diskBudget" ] "100GiB" {
        type = kinds.bytes;
        description = "What the kept closures may take together.";
      };
      minFree = setting [ "retention" "minFree" ] "10GiB" {
        type = kinds.bytes;
        description = "Below this much free space retention runs at once.";
      };
      keepSystems = setting [ "retention" "keepSystems" ] 5 {
        type = kinds.count;
        description = "The last systems kept of each machine.";
      };
      keepPackages = setting [ "retention" "keepPackages" ] 3 {
        type = kinds.count;
        description = "The last versions kept of each package per builder.";
      };
      keepDays = setting [ "retention" "keepDays" ] 30 {
        type = kinds.count;
        description = "Beyond those, nothing older.";
      };
      schedule = setting [ "retention" "schedule" ] "weekly" {
        type = kinds.calendar;
        description = "When, as systemd writes it.";
      };
    };
  };
}
