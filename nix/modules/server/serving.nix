# Harmonia on the loopback, nginx in front of it, and the one hole in the firewall.
{
  config,
  lib,
  options,
  ...
}:
let
  hardening = import ../hardening.nix;
  cfg = config.services.nix-binary-cache.server;
  nginx = {
    user = config.services.nginx.user or "nginx";
    group = config.services.nginx.group or "nginx";
  };
  isIpv6 = address: builtins.match ".*:.*" address != null;
  withPort = address: "${if isIpv6 address then "[${address}]" else address}:${toString cfg.port}";

  harmonia = {
    enable = true;
    # A list since NixOS 24.11; systemd reads the files as root and hands them to the service.
    signKeyPaths = map (name: "${cfg.signing.directory}/${name}.secret") cfg.signing.keys;
    # Only what every version knows: Harmonia refuses to start with a setting that it does not know.
    settings = {
      bind = cfg.origin;
      # Harmonia's own default was 30 before 3.1, which is before cache.nixos.org.
      inherit (cfg) priority;
    };
  };

  # NixOS 24.11 to 25.11 have these options flat; since Harmonia 3.0 they stand under `cache`, beside `daemon` and `gc`.
  harmoniaOptions =
    if lib.hasAttrByPath [ "services" "harmonia" "cache" ] options then { cache = harmonia; } else harmonia;
in
{
  config = lib.mkIf cfg.enable {
    services.harmonia = lib.mkIf cfg.harmonia.enable harmoniaOptions;

    services.nginx = {
      enable = true;
      # nginx's own defaults, one worker and 512 connections, are too few for 200 readers at once; each connection takes
      # two files, and systemd's own limit is 1024.
      appendConfig = lib.mkDefault "worker_processes auto;\nworker_rlimit_nofile 8192;";
      eventsConfig = lib.mkDefault "worker_connections 2048;";
      appendHttpConfig = builtins.readFile ./log-format.conf + import ../nginx-config.nix {
        inherit (cfg) port;
        accessLog = "/var/log/nginx/nix-binary-cache.log nix_binary_cache buffer=64k flush=1s";
        metricsPort = if cfg.status.enable then cfg.status.metricsPort else null;
        clientsLog = "/var/log/nginx/nix-binary-cache-clients.log nix_binary_cache_clients";
        # The loopback besides, where cachectl asks.
        listen = if cfg.listenAddresses == null then null else map withPort ([ "127.0.0.1" ] ++ cfg.listenAddresses);
        upstream = cfg.origin;
        cacheDirectory = cfg.nginxCache.directory;
        # nginx writes its sizes without "iB", and means the same.
        cacheMaxSize = lib.removeSuffix "iB" cfg.nginxCache.maxSize;
      };
    };

    # The wildcard is bound, since an address of the tailnet may come later than nginx; this is what keeps others out.
    networking.firewall.interfaces.${cfg.tailnetInterface}.allowedTCPPorts = [
      cfg.port
      cfg.sshPort
    ];

    # nginx's unit may write below /var/cache/nginx only.
    systemd.tmpfiles.rules = [ "d ${cfg.nginxCache.directory} 0750 ${nginx.user} ${nginx.group} -" ];
    systemd.services.nginx.serviceConfig.ReadWritePaths = [ "-${cfg.nginxCache.directory}" ];

    # Once a boot, however often nginx is started in it.
    systemd.services.nix-binary-cache-nginx-cache = {
      description = "copies of NARs that a power cut may have cut short";
      wantedBy = [ "nginx.service" ];
      before = [ "nginx.service" ];
      serviceConfig =
        let
          command = verb: "/bin/sh ${./nginx-cache.sh} ${verb} ${cfg.nginxCache.directory}";
        in
        hardening
        // {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = command "open";
          # After nginx: what is started before it is stopped after it.
          ExecStop = command "close";
          User = nginx.user;
          Group = nginx.group;
          StateDirectory = "nix-binary-cache-nginx";
          ReadWritePaths = [ "-${cfg.nginxCache.directory}" ];
          PrivateNetwork = true;
        };
    };
  };
}
