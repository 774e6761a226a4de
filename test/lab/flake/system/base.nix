# Options of NixOS that several modules define together, and a few of its defaults.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  list =
    kind:
    mkOption {
      type = types.listOf kind;
      default = [ ];
    };
  lines = mkOption {
    type = types.lines;
    default = "";
  };
  sets = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };
in
{
  options = {
    assertions = list types.anything;
    warnings = list types.str;
    environment = {
      etc = sets;
      systemPackages = list types.package;
    };
    networking = {
      hostName = mkOption { type = types.str; };
      firewall.enable = mkOption {
        type = types.bool;
        default = true;
      };
      # The lab's filter stands between the machines, not on them.
      firewall.interfaces = sets;
    };
    systemd = {
      services = sets;
      timers = sets;
      paths = sets;
      packages = list types.package;
      tmpfiles.rules = list types.str;
    };
    users = {
      users = sets;
      groups = sets;
    };
    nix = {
      package = mkOption { type = types.package; };
      settings = sets;
      extraOptions = lines;
    };
    services.openssh = {
      enable = mkOption {
        type = types.bool;
        default = false;
      };
      settings = sets;
      extraConfig = lines;
    };
    services.nginx = {
      enable = mkOption {
        type = types.bool;
        default = false;
      };
      user = mkOption {
        type = types.str;
        default = "nginx";
      };
      group = mkOption {
        type = types.str;
        default = "nginx";
      };
      appendConfig = lines;
      eventsConfig = lines;
      appendHttpConfig = lines;
    };
  };
}
