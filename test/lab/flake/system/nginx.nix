# nginx as nixpkgs' module runs it, with Debian's nginx.
{ config, lib, ... }:
let
  cfg = config.services.nginx;
in
{
  config = lib.mkIf cfg.enable {
    users.users.${cfg.user} = {
      isSystemUser = true;
      inherit (cfg) group;
    };
    users.groups.${cfg.group} = { };
    environment.etc."nginx/lab.conf".text = ''
      user ${cfg.user} ${cfg.group};
      pid /run/nginx/nginx.pid;
      error_log stderr;
      daemon off;
      ${cfg.appendConfig}
      events {
        ${cfg.eventsConfig}
      }
      http {
        include /etc/nginx/mime.types;
        access_log off;
        ${cfg.appendHttpConfig}
      }
    '';
    systemd.services.nginx = {
      description = "Nginx Web Server";
      wantedBy = [ "multi-user.target" ];
      # A new configuration is a new unit.
      environment.CONFIGURATION = builtins.hashString "sha256" config.environment.etc."nginx/lab.conf".text;
      serviceConfig = {
        ExecStartPre = "/usr/sbin/nginx -t -q -c /etc/nginx/lab.conf";
        ExecStart = "/usr/sbin/nginx -c /etc/nginx/lab.conf";
        ExecReload = "/bin/kill -HUP $MAINPID";
        Restart = "always";
        RestartSec = "1s";
        RuntimeDirectory = "nginx";
        CacheDirectory = "nginx";
        KillSignal = "SIGQUIT";
        TimeoutStopSec = "5s";
      };
    };
  };
}
