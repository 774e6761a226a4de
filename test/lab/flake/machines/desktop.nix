# The desktop: a client, once the stack's facts are there.
{ modules, vars, ... }:
{
  imports = [ modules.nixosModules.client ];

  networking.hostName = "desktop";

  services.nix-binary-cache = {
    inherit vars;
    client.enable = vars != { };
  };
}
