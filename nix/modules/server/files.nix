# What cachectl reads on the server (config.json) and the folders that it writes to.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.services.nix-binary-cache) server vars package;
  state = "/var/lib/nix-binary-cache";
  roots = "/nix/var/nix/gcroots/nix-binary-cache";

  # The stack's facts with this machine's own values over them: NixVars of components/client-settings, and more.
  settings = vars // {
    server = (vars.server or { }) // {
      inherit (server) name sshPort ssh;
    };
    cache = (vars.cache or { }) // {
      inherit (server) port priority upstreams;
    };
    signing = { inherit (server.signing) keys directory; };
    populate =
      {
        enabled = server.populate.enable;
        inherit (server.populate)
          outputs
          schedule
          lock
          timeoutMinutes
          memoryMax
          ;
      }
      // lib.optionalAttrs (server.populate.flake != null) { inherit (server.populate) flake; };
    retention = {
      inherit (server.retention)
        diskBudget
        minFree
        keepSystems
        keepPackages
        keepDays
        schedule
        ;
    };
    scrub = {
      inherit (server.scrub) bytesPerSecond;
      nginxCache = server.nginxCache.directory;
    };
    inherit (server) warm limits;
  };
in
{
  config = lib.mkIf server.enable {
    # age, for copies of the signing keys: signing.escrow of the stack.
    environment.systemPackages = [
      package
      pkgs.age
    ];
    environment.etc."nix-binary-cache/config.json".text = builtins.toJSON settings;

    # sshd reads authorized_keys only below folders that are root's; the account that takes uploads has its own two.
    systemd.tmpfiles.rules = [
      "d ${state} 0755 root root -"
      "d ${state}/builders 0755 root root -"
      "d ${state}/announced 0750 nix-push nix-push -"
      "f ${state}/audit.log 0640 nix-push nix-push -"
      "d ${state}/populate 0750 nix-populate nix-populate -"
      # The job's user can't write to a folder of root's; the result is shown there all the same.
      "L+ ${state}/populate.json - - - - populate/populate.json"
      "L+ ${state}/config.json - - - - /etc/nix-binary-cache/config.json"
      "d ${state}/status 0755 root root -"
      "d ${roots} 0755 root root -"
      "d ${roots}/incoming 0755 nix-push nix-push -"
      "d ${roots}/uploads 0755 nix-push nix-push -"
      "d ${roots}/populate 0755 nix-populate nix-populate -"
      "d ${roots}/pins 0755 root root -"
    ];
  };
}
