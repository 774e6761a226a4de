# The server: what a user writes in theirs.
{ modules, vars, ... }:
{
  imports = [ modules.nixosModules.server ];

  networking.hostName = "server";

  services.nix-binary-cache = {
    inherit vars;
    server.enable = true;
    # The lab's jobs run when somebody asks.
    server.populate.enable = false;
  };
}
