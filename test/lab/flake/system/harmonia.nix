# Harmonia with the options of its newest module. What runs is the lab's double of it, unless the machine was given the
# real one: both take the same settings.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.harmonia.cache;
  # A file that furnishing leaves where it has put the real one on the machine.
  program =
    if builtins.pathExists ../origin/real then
      "/usr/local/bin/harmonia-cache"
    else
      "${pkgs.nodejs_24}/bin/node --disable-warning=ExperimentalWarning ${../origin}/main.ts";
  literal = value: if builtins.isString value then builtins.toJSON value else toString value;
  keys = lib.imap0 (index: path: "sign-key-${toString index}:${path}") cfg.signKeyPaths;
in
{
  options.services.harmonia.cache = {
    enable = mkOption {
      type = types.bool;
      default = false;
    };
    signKeyPaths = mkOption {
      type = types.listOf types.path;
      default = [ ];
    };
    settings = mkOption {
      type = types.attrsOf types.anything;
      default = { };
    };
  };

  config = lib.mkIf cfg.enable {
    environment.etc."harmonia.toml".text = lib.concatMapStrings (name: "${name} = ${literal cfg.settings.${name}}\n") (
      builtins.attrNames cfg.settings
    );
    users.users.harmonia = {
      isSystemUser = true;
      group = "harmonia";
    };
    users.groups.harmonia = { };
    systemd.services.harmonia = {
      description = "harmonia binary cache service";
      wantedBy = [ "multi-user.target" ];
      environment = {
        CONFIG_FILE = "/etc/harmonia.toml";
        SIGN_KEY_PATHS = lib.concatStringsSep " " (lib.imap0 (index: _: "%d/sign-key-${toString index}") keys);
        CONFIGURATION = builtins.hashString "sha256" config.environment.etc."harmonia.toml".text;
        RUST_LOG = "actix_web=debug";
      };
      serviceConfig = {
        ExecStart = program;
        User = "harmonia";
        Group = "harmonia";
        LoadCredential = keys;
        RuntimeDirectory = "harmonia";
        Restart = "on-failure";
        RestartSec = "1s";
      };
    };
  };
}
