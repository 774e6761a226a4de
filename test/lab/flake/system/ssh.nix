# sshd is Debian's; what modules add to its configuration comes in a file of its own, before the lab's own.
{ config, lib, ... }:
{
  config = lib.mkIf (config.services.openssh.extraConfig != "") {
    environment.etc."ssh/sshd_config.d/90-configuration.conf".text = config.services.openssh.extraConfig;
  };
}
